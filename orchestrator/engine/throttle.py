"""When the next batch or range may run and how big it may be: what stands against one is asked here, with a reason.

Why it exists: the loops of a backfill and of a comparison should only send statements; both are held back in the same way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.core.ports import Cursor, Reader
from orchestrator.core.step import Backfill
from orchestrator.core.throttle import next_rows, ruling
from orchestrator.engine.progress import Reporter
from orchestrator.engine.run import Run
from orchestrator.plugins import discover

SIGNALS_EVERY = 1.0
"""Seconds between readings of the signals."""


@dataclass
class Brake:
    """Holds back whoever calls ``wait`` while a signal stands against it. ``proceed`` is asked each time, and may raise."""

    reader: Reader
    step: Backfill
    proceed: Callable[[], None]
    _read_at: float = 0.0

    def wait(self, tell: Callable[[str], None]) -> None:
        """Return once every signal allows it, telling why not until then; signals are read every SIGNALS_EVERY seconds."""
        while True:
            self.proceed()
            if time.monotonic() - self._read_at < SIGNALS_EVERY:
                return
            signals = discover("orchestrator.signals").values()
            reason = ruling(signal.read(self.reader, self.step) for signal in signals)
            if reason is None:
                self._read_at = time.monotonic()
                return
            tell(reason)
            time.sleep(SIGNALS_EVERY)


@dataclass
class Throttle:
    """Lets batches through, ``lanes`` at once. ``guarding`` is the time that asking lease and hold took, in seconds."""

    run: Run
    reader: Reader
    step: Backfill
    reporter: Reporter
    guarding: float = 0.0
    lanes: int = 1
    _brake: Brake = field(init=False)

    def __post_init__(self) -> None:
        self._brake = Brake(self.reader, self.step, self._stop_unless_ours)

    def wait(self, cursor: Cursor) -> None:
        """Return once lease, hold and every signal allow a batch. Raises LeaseLost, Waiting (held)."""
        self._brake.wait(lambda reason: self.reporter.report(cursor, throttle=reason))

    def sized(self, rows: int, seconds: float) -> int:
        """Rows of the next batch after one of ``rows`` took ``seconds``."""
        return next_rows(rows, seconds, self.step.statement_time, self.step.batch_rows)

    def _stop_unless_ours(self) -> None:
        began = time.monotonic()
        self.run.lease.check()
        self.run.stop_if_held()
        self.guarding += time.monotonic() - began
