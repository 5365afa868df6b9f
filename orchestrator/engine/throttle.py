"""When the next batch may run, how big it may be, and in how many lanes: every ruling is carried out here.

Why it exists: the loop of a backfill should only send batches; what stands against one is decided in one place, with every
reason. Safe to share between lanes.
"""

from __future__ import annotations

import threading
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
from orchestrator.core.throttle import Drive, Effect, Pressure, Ruling, Servo, pause, ruling
from orchestrator.engine.monitor import Monitor
from orchestrator.engine.progress import Reporter, Standing
from orchestrator.engine.run import Run
from orchestrator.engine.wishes import Wishes

SLICE = 0.1
"""Seconds after which a wait looks again: whether it may go on, whether it is held, whether the lease is lost."""
FIRST = 5.0
"""Seconds to wait for the first reading before saying that there is none."""


class Throttle:
    """Lets batches through while inside: ``guarding`` is the time that asking lease and hold took, in seconds."""

    def __init__(self, run: Run, planned: PlannedStep, step: Backfill, total: int | None) -> None:
        self.guarding = 0.0
        self._run, self._step = run, step
        self._reporter = Reporter(run, planned, step, total)
        self._wishes = Wishes(run)
        target, change, fence = run.target, run.change.id, run.lease.fence
        self._monitor = Monitor(
            target, step, change, lambda: target.watching(change, fence, planned.ordinal), self._wishes.control
        )
        self._lock = threading.Lock()
        self._servo = Servo(step.batch_rows, step.batch_rows)
        self._drive = Drive()
        self._number = 0
        self._owed = threading.local()
        self._inside = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._wishes)
            stack.enter_context(self._monitor)
            self._inside = stack.pop_all()
        self._monitor.wait_for_first(FIRST)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inside.close()

    @property
    def lanes(self) -> int:
        """How many lanes may run now."""
        return self._drive.lanes

    @property
    def rows(self) -> int:
        """How many rows the next batch may have."""
        return self._servo.rows

    @property
    def stripes_useless(self) -> str | None:
        """Why stripes find no room now; None when nothing is known against them."""
        held = [reason.detail for reason in self._ruling().reasons if reason.name == "xmin_age"]
        return held[0] if held else None

    def wait(self, cursor: Cursor) -> None:
        """Return once lease, hold and every signal allow a batch. Raises LeaseLost, Waiting (held)."""
        owed = getattr(self._owed, "seconds", 0.0)
        self._owed.seconds = 0.0
        until = time.monotonic() + owed
        while True:
            self._stop_unless_ours()
            found = self._steered()
            left = until - time.monotonic()
            if not found.stops and left <= 0:
                return
            self.report(cursor)
            time.sleep(min(SLICE, left) if left > 0 and not found.stops else SLICE)

    def sized(self, rows: int, seconds: float, lock_waits: float = 0.0) -> int:
        """Rows of the next batch after one of ``rows`` took ``seconds``, of which ``lock_waits`` went into waiting for locks.

        The next ``wait`` of this thread rests for as long as the duty cycle asks.
        """
        worked = seconds - lock_waits
        with self._lock:
            self._servo = self._servo.after(rows, worked, self._control.statement_time)
            self._owed.seconds = pause(worked, self._drive.duty)
            return self._servo.rows

    def report(self, cursor: Cursor, *, waits: str | None = None, force: bool = False) -> None:
        """Say where it stands, when that is due; ``waits`` is what a batch at hand waits for."""
        if force or self._reporter.is_due:
            found = self._standing(self._ruling())
            if waits is not None:
                found = replace(found, throttle="; ".join(filter(None, [waits, found.throttle])))
            self._reporter.report(cursor, found)

    @property
    def _control(self) -> Control:
        return self._wishes.control

    def _steered(self) -> Ruling:
        """The ruling of now, after which the drive has seen every reading once."""
        control = self._control
        if control is not self._monitor.control:
            self._monitor.hold_to(control)
        found = self._ruling()
        with self._lock:
            if self._monitor.number != self._number or (found.stops and not self._drive.stopped):
                self._number = self._monitor.number
                self._drive = self._drive.after(found, control.lanes)
        return found

    def _ruling(self) -> Ruling:
        found = self._monitor.ruling()
        closed = outside(self._control, datetime.now(UTC))
        return found if closed is None else ruling([closed, *found.reasons])

    def _standing(self, found: Ruling) -> Standing:
        drive = self._drive
        return Standing(
            throttle=found.words(Effect.STOP, Effect.SLOW),
            stopped=found.words(Effect.STOP),
            reasons=tuple(found.to_json()),
            duty=0.0 if found.stops else drive.duty,
            lanes=drive.lanes,
            control=shown(self._control),
        )

    def _stop_unless_ours(self) -> None:
        began = time.monotonic()
        self._run.lease.check()
        self._wishes.stop_if_held()
        self.guarding += time.monotonic() - began


def outside(control: Control, now: datetime) -> Pressure | None:
    """That ``now`` (aware) lies outside the window, and until when; None when batches may run."""
    if control.window is None:
        return None
    hours = window(control.window)
    if hours.is_open(now):
        return None
    opens = hours.opens_at(now)
    return Pressure("window", 1.0, f"outside the window {control.window} until {opens:%a %Y-%m-%d %H:%M} {hours.zone}")
