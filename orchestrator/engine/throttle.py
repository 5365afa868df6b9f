"""When the next batch may run, how big it may be, and in how many lanes: every ruling is carried out here.

Why it exists: the loop of a backfill should only send batches; what stands against one is decided in one place, with every
reason. Safe to share between lanes.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from orchestrator.core.control import Control, shown
from orchestrator.core.duration import window
from orchestrator.core.plan import PlannedStep
from orchestrator.core.ports import Cursor
from orchestrator.core.step import Backfill
from orchestrator.core.throttle import Effect, Pressure, Ruling, Servo
from orchestrator.engine.brake import Brake
from orchestrator.engine.monitor import Monitor
from orchestrator.engine.progress import Reporter, Standing
from orchestrator.engine.run import Run
from orchestrator.engine.wishes import Wishes


class Throttle:
    """Lets batches through while inside: ``guarding`` is the time that asking lease and hold took, in seconds.

    ``failure`` is what ended one lane; whoever waits in another raises it, for a signal may stand against it for hours.
    """

    def __init__(self, run: Run, planned: PlannedStep, step: Backfill, total: int | None) -> None:
        self.guarding = 0.0
        self.failure: BaseException | None = None
        self._run = run
        self._reporter = Reporter(run, planned, step, total)
        self._wishes = Wishes(run)
        target, change, fence = run.target, run.change.id, run.lease.fence
        self._monitor = Monitor(
            target, step.table, change, lambda: target.watching(change, fence, planned.ordinal), self._wishes.control
        )
        self._brake = Brake(self._monitor, Servo(step.batch_rows, step.batch_rows), self._proceed, self._closed)
        self._inside = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._wishes)
            stack.enter_context(self._monitor)
            self._inside = stack.pop_all()
        self._monitor.wait_for_first()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inside.close()

    @property
    def lanes(self) -> int:
        """How many lanes may run now."""
        return self._brake.drive.lanes

    def wait(self, cursor: Cursor) -> None:
        """Return once lease, hold and every signal allow a batch. Raises LeaseLost, Waiting (held), another lane's failure."""
        self._brake.wait(lambda _: self.report(cursor))

    def sized(self, rows: int, seconds: float) -> int:
        """Rows of the next batch after one of ``rows`` took ``seconds``."""
        return self._brake.after(rows, seconds)

    def report(self, cursor: Cursor, *, waits: str | None = None, force: bool = False) -> None:
        """Say where it stands, when that is due; ``waits`` is what a batch at hand waits for."""
        if force or self._reporter.is_due:
            found = self._standing(self._brake.ruling())
            if waits is not None:
                found = replace(found, throttle="; ".join(filter(None, [waits, found.throttle])))
            self._reporter.report(cursor, found)

    def _proceed(self) -> None:
        began = time.monotonic()
        if self.failure is not None:
            raise self.failure
        self._run.lease.check()
        self._wishes.stop_if_held()
        control = self._wishes.control
        if control is not self._monitor.control:
            self._monitor.hold_to(control)
        self.guarding += time.monotonic() - began

    def _closed(self) -> Pressure | None:
        return outside(self._wishes.control, datetime.now(UTC))

    def _standing(self, found: Ruling) -> Standing:
        drive = self._brake.drive
        return Standing(
            throttle=found.words(Effect.STOP, Effect.SLOW),
            stopped=found.words(Effect.STOP),
            reasons=tuple(found.to_json()),
            duty=0.0 if found.stops else drive.duty,
            lanes=drive.lanes,
            control=shown(self._wishes.control),
        )


def outside(control: Control, now: datetime) -> Pressure | None:
    """That ``now`` (aware) lies outside the window, and until when; None when batches may run."""
    if control.window is None:
        return None
    hours = window(control.window)
    if hours.is_open(now):
        return None
    opens = hours.opens_at(now)
    return Pressure("window", 1.0, f"outside the window {control.window} until {opens:%a %Y-%m-%d %H:%M} {hours.zone}")
