"""The backfill loop: batch after batch in every lane, then mop up until nothing is left, watching lease and hold between them.

Why it exists: it is the longest a Change touches production, so it stops within one batch when asked, says how fast it goes
and until when, and never retries a batch that might have succeeded (the cursor is read again instead).
"""

from __future__ import annotations

from orchestrator.core.plan import PlannedStep
from orchestrator.core.ports import Cursor, Mark, Session, TargetError
from orchestrator.core.step import Backfill
from orchestrator.engine.lanes import Lanes
from orchestrator.engine.pace import Pace
from orchestrator.engine.run import Cost, Run
from orchestrator.engine.throttle import Throttle

COUNT_EVERY = 5
"""Passes of the mop-up between two counts of what is left, which must become less."""


def fill(run: Run, session: Session, planned: PlannedStep, step: Backfill) -> None:
    """Fill every row. Resumes at the stored cursors. Raises TargetError, LeaseLost, Waiting (held)."""
    mark = run.mark(planned)
    cursors = session.begin_backfill(step, mark)
    with Throttle(run, planned, step, session.estimate(step)) as throttle:
        pace = Pace(run, planned, step, mark, throttle, cursors)
        Lanes(pace, session).fill()
        cursor = _mopped_up(pace, session, step, mark)
        _none_refused(session, step)
        session.end_backfill(step, mark, cursor)
        pace.report(cursor, force=True)
        run.cost[planned.ordinal] = Cost(pace.working, throttle.guarding + pace.fenced)


def _none_refused(session: Session, step: Backfill) -> None:
    """Rows that were refused end the step short of its end: what comes next holds the application to them. Raises TargetError.

    A NOT NULL that is to be proved later already refuses the application's updates of a row that stayed empty.
    """
    count, first = session.refused(step)
    if count:
        raise TargetError(
            f"a constraint or trigger of {step.table} refused {count} {'row' if count == 1 else 'rows'}; all others are filled."
            f" The first, with SQLSTATE (orch_target.rejected_row has the words): {', '.join(first)}"
        )


def _mopped_up(pace: Pace, session: Session, step: Backfill, mark: Mark) -> Cursor:
    """Mop up until nothing is left; rows that stay empty pass after pass are somebody else's doing. Raises TargetError.

    What the batches say they wrote proves nothing: a trigger may have kept the old row, or taken it back afterwards.
    """
    left: int | None = None
    passes = 0
    cursor = pace.cursors[0]
    while not cursor.ended:
        cursor = pace.through(lambda step, cursor, _: session.mop_up(step, mark, cursor), cursor)
        passes += cursor.sweep is None
        if cursor.sweep is None and not cursor.ended and passes % COUNT_EVERY == 0:
            before, left = left, session.left(step)
            if before is not None and left >= before:
                raise TargetError(
                    f"{left} rows of {step.table} stay empty however often they are filled:"
                    " a trigger of the table undoes the update"
                )
    return cursor
