"""The backfill loop: batch after batch, then mop up until nothing is left, watching lease and hold between them.

Why it exists: it is the longest a Change touches production, so it stops within one batch when asked, says how fast it goes
and until when, and never retries a batch that might have succeeded (the cursor is read again instead).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from orchestrator.core.plan import PlannedStep
from orchestrator.core.ports import Cursor, LockNotGranted, Mark, Session, TargetError
from orchestrator.core.step import Backfill
from orchestrator.engine.progress import Meter, Reporter
from orchestrator.engine.run import Cost, Run, jittered
from orchestrator.engine.throttle import Throttle

COUNT_EVERY = 20
"""Passes of the mop-up between two counts of what is left, which must become less."""
LOCK_TRIES = 50
"""Tries of one batch against row locks of the application before the step is given back."""


def fill(run: Run, session: Session, planned: PlannedStep, step: Backfill) -> None:
    """Fill every row. Resumes at the stored cursor. Raises TargetError, LeaseLost, Waiting (held)."""
    mark = run.mark(planned)
    cursor = session.begin_backfill(step, mark)
    meter = Meter(session.estimate(step))
    reporter = Reporter(run, planned, step, meter)
    pace = _Pace(step, reporter, Throttle(run, session, step, reporter), step.batch_rows)
    while not cursor.done:
        cursor = pace.through(session.batch, mark, cursor)
    cursor = _mopped_up(pace, session, step, mark, cursor)
    session.end_backfill(step, mark, cursor)
    pace.reporter.report(cursor, force=True)
    run.cost[planned.ordinal] = Cost(pace.working, pace.throttle.guarding + cursor.fenced)


def _mopped_up(pace: _Pace, session: Session, step: Backfill, mark: Mark, cursor: Cursor) -> Cursor:
    """Mop up until nothing is left; rows that stay empty pass after pass are somebody else's doing. Raises TargetError.

    What the batches say they wrote proves nothing: a trigger may have kept the old row, or taken it back afterwards.
    """
    left: int | None = None
    passes = 0
    while not cursor.ended:
        cursor = pace.through(session.mop_up, mark, cursor)
        passes += 1
        if not cursor.ended and passes % COUNT_EVERY == 0:
            before, left = left, session.left(step)
            if before is not None and left >= before:
                raise TargetError(
                    f"{left} rows of {step.table} stay empty however often they are filled:"
                    " a trigger of the table undoes the update"
                )
    return cursor


@dataclass
class _Pace:
    """Brings one batch after the other about: when nothing stands against it, as big as the last one allows."""

    step: Backfill
    reporter: Reporter
    throttle: Throttle
    rows: int
    working: float = 0.0

    def through(self, send: Callable[[Backfill, Mark, Cursor], Cursor], mark: Mark, cursor: Cursor) -> Cursor:
        """One batch; row locks of the application are waited out in short, visible pauses."""
        for attempt in range(LOCK_TRIES):
            self.throttle.wait(cursor)
            started = time.monotonic()
            try:
                done = send(replace(self.step, batch_rows=self.rows), mark, cursor)
            except LockNotGranted as error:
                if attempt == LOCK_TRIES - 1:
                    raise
                self.reporter.report(cursor, throttle=f"waits for row locks of the application: {error}")
                time.sleep(jittered(0.1))
            else:
                took = time.monotonic() - started
                self.working += took
                self.rows = self.throttle.sized(self.rows, took)
                self.reporter.report(done)
                return done
        raise AssertionError("the last try returns or raises")
