"""When the next batch may run and how big it may be: lease, hold and signals are read here and the rulings carried out.

Why it exists: the loop of a backfill should only send batches; what stands against one is decided in one place, with a reason.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from orchestrator.core.ports import Cursor, Session
from orchestrator.core.step import Backfill
from orchestrator.core.throttle import next_rows, ruling
from orchestrator.engine.progress import Reporter
from orchestrator.engine.run import Run
from orchestrator.plugins import discover

SIGNALS_EVERY = 1.0
"""Seconds between readings of the signals."""


@dataclass
class Throttle:
    """Lets batches through: ``guarding`` is the time that asking lease and hold took, in seconds."""

    run: Run
    session: Session
    step: Backfill
    reporter: Reporter
    guarding: float = 0.0
    _read_at: float = 0.0

    @property
    def lanes(self) -> int:
        """How many lanes may run now."""
        return 1

    def wait(self, cursor: Cursor) -> None:
        """Return once lease, hold and every signal allow a batch. Raises LeaseLost, Waiting (held)."""
        while True:
            self._stop_unless_ours()
            if time.monotonic() - self._read_at < SIGNALS_EVERY:
                return
            signals = discover("orchestrator.signals").values()
            reason = ruling(signal.read(self.session, self.step) for signal in signals)
            if reason is None:
                self._read_at = time.monotonic()
                return
            self.reporter.report(cursor, throttle=reason)
            time.sleep(SIGNALS_EVERY)

    def sized(self, rows: int, seconds: float, lock_waits: float = 0.0) -> int:
        """Rows of the next batch after one of ``rows`` took ``seconds``, of which ``lock_waits`` went into waiting for locks."""
        return next_rows(rows, seconds - lock_waits, self.step.statement_time, self.step.batch_rows)

    def _stop_unless_ours(self) -> None:
        began = time.monotonic()
        self.run.lease.check()
        self.run.stop_if_held()
        self.guarding += time.monotonic() - began
