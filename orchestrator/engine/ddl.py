"""Intent, execute, observe, outcome: the protocol around every Step (design §5, items 3 to 6).

Why it exists: a process may die between any two statements. Before a Step is sent, the Registry knows the intent; after it,
the catalog is asked on a fresh connection what is true, and only that is recorded.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from orchestrator.core.errors import Indeterminate, LeaseLost, OrchError, Unreachable, Waiting
from orchestrator.core.plan import PlannedStep
from orchestrator.core.ports import (
    ConnectionLost,
    Fenced,
    LockNotGranted,
    Observation,
    OutOfTime,
    Seen,
    Session,
    TargetError,
    ValueRefused,
)
from orchestrator.core.step import Backfill, RunSql
from orchestrator.engine import backfill
from orchestrator.engine.run import Run, jittered

TRIES = 20
BUDGET = 300.0
"""Seconds in which a lock must be had, over all tries (design §4)."""


class StepRefused(OrchError):
    """The target refused a Step for good; what was seen is in the message."""

    exit_code = 4


class StepForbidden(StepRefused):
    """The login may not do what the Step does."""

    exit_code = 2


def execute(run: Run, planned: PlannedStep) -> None:
    """Bring one Step about, whatever an earlier attempt left. Raises OrchError."""
    if (seen := observed(run, planned)).seen is Seen.FOREIGN:
        raise indeterminate(run, planned, seen)
    run.registry.step_started(run.change.id, planned.ordinal, run.lease.fence)
    run.tell("step.started", planned.description, planned.ordinal)
    _insist(run, planned)
    cost = run.cost.get(planned.ordinal)
    run.registry.step_done(run.change.id, planned.ordinal, run.lease.fence, asdict(cost) if cost else None)
    run.tell("step.done", planned.description, planned.ordinal)


def undo(run: Run, planned: PlannedStep) -> None:
    """Take one Step back. What bears its name and is not orch's is never touched. Raises OrchError."""
    run.tell("step.started", f"undo: {planned.description}", planned.ordinal)
    _retrying(run, planned, _undo_unless_gone)
    run.registry.step_undone(run.change.id, planned.ordinal, run.lease.fence)
    run.tell("step.done", f"undone: {planned.description}", planned.ordinal)


def observed(run: Run, planned: PlannedStep) -> Observation:
    """What the catalog shows of the Step now, on a fresh connection."""
    mark = run.mark(planned)
    with run.target.session(run.change.id, run.lease.fence, planned.ordinal) as session:
        return session.observe(planned.step, mark.step_id)


def remember(run: Run, planned: PlannedStep) -> None:
    """Leave the marker of a Step that was found done without one. Raises TargetError."""
    with run.target.session(run.change.id, run.lease.fence, planned.ordinal) as session:
        session.remember(run.mark(planned))


def _insist(run: Run, planned: PlannedStep) -> None:
    """Send the Step until the catalog shows it done."""
    for _ in range(3):
        _retrying(run, planned, _apply_unless_done)
        seen = observed(run, planned)
        if seen.seen is Seen.DONE:
            return
        if seen.seen is Seen.FOREIGN:
            break
    raise indeterminate(run, planned, seen)


@dataclass
class _Patience:
    """The tries that are left to get a lock. A Step of many locks that got further has them all anew."""

    attempt: int = 0
    deadline: float = field(default_factory=lambda: time.monotonic() + BUDGET)
    stood: set[Observation] = field(default_factory=set)

    def at(self, seen: Observation) -> Observation:
        """Where a try found the Step."""
        if self.stood and seen not in self.stood:
            self.attempt, self.deadline = 1, time.monotonic() + BUDGET
        self.stood.add(seen)
        return seen

    @property
    def over(self) -> bool:
        """Whether that was the last try."""
        return self.attempt >= TRIES or time.monotonic() > self.deadline


def _retrying(run: Run, planned: PlannedStep, once: Callable[[Run, Session, PlannedStep, _Patience], None]) -> None:
    """Try within a budget, visibly. Each try looks first: an earlier one may have taken effect, or left a part, unheard."""
    patience = _Patience()
    while True:
        run.lease.check()
        patience.attempt += 1
        try:
            with (
                run.target.session(run.change.id, run.lease.fence, planned.ordinal) as session,
                run.lease.guarding(session),
            ):
                once(run, session, planned, patience)
            return
        except (LockNotGranted, ConnectionLost, Unreachable) as error:
            _failed(run, planned, str(error))
            if isinstance(error, OutOfTime) and isinstance(planned.step, RunSql):
                run.lease.check()
                raise _too_long(run, planned, error) from error
            if patience.over:
                raise Waiting(
                    f"step {planned.ordinal} ({planned.description}) got no lock in {patience.attempt} tries: {error}",
                    f"see who holds the lock (3 in orch tui), then orch advance {run.change.id}",
                ) from error
            run.tell("step.retry", f"try {patience.attempt} of {TRIES}: {error}", planned.ordinal)
            time.sleep(jittered(min(0.2 * patience.attempt, 3.0)))
        except Fenced as error:
            raise LeaseLost(str(error), f"orch status {run.change.id}") from error
        except TargetError as error:
            run.lease.check()
            _failed(run, planned, str(error))
            raise _refused(run, planned, error) from error


def _apply_unless_done(run: Run, session: Session, planned: PlannedStep, patience: _Patience) -> None:
    mark = run.mark(planned)
    seen = patience.at(session.observe(planned.step, mark.step_id)).seen
    if seen is Seen.PARTIAL:
        session.repair(planned.step, mark)
        seen = session.observe(planned.step, mark.step_id).seen
    if seen is Seen.DONE:
        session.remember(mark)
    if seen in (Seen.DONE, Seen.FOREIGN):
        return
    if isinstance(planned.step, Backfill):
        backfill.fill(run, session, planned, planned.step)
    else:
        session.apply(planned.step, mark)


def _undo_unless_gone(run: Run, session: Session, planned: PlannedStep, patience: _Patience) -> None:
    mark = run.mark(planned)
    seen = patience.at(session.observe(planned.step, mark.step_id))
    if seen.seen is Seen.FOREIGN and not seen.gone:
        raise indeterminate(run, planned, seen)
    if seen.gone or seen.seen is Seen.ABSENT:
        session.forget(mark)
    else:
        session.undo(planned.step, mark)


def _failed(run: Run, planned: PlannedStep, error: str) -> None:
    run.registry.step_failed(run.change.id, planned.ordinal, run.lease.fence, error)


def _refused(run: Run, planned: PlannedStep, error: TargetError) -> OrchError:
    state = f" [{error.sqlstate}]" if error.sqlstate else ""
    message = f"step {planned.ordinal} ({planned.description}) was refused: {error}{state}"
    if isinstance(error, ValueRefused):
        return StepRefused(
            message, f"repair the rows, then orch advance {run.change.id}; or orch abort {run.change.id}"
        )
    if error.sqlstate == "42501":
        return StepForbidden(message, "grant the login ownership of the table (orch doctor says what is missing)")
    if error.sqlstate == "53100":
        return StepRefused(message, f"free disk space on the server, then orch advance {run.change.id}")
    return StepRefused(message, f"repair the cause, then orch advance {run.change.id}; or orch abort {run.change.id}")


def _too_long(run: Run, planned: PlannedStep, error: OutOfTime) -> OrchError:
    """Not tried again by itself: a statement of the change's own keeps its locks as long as it lasts."""
    return StepRefused(
        f"step {planned.ordinal} ({planned.description}) ran out of its time: {error}; nothing of it was kept",
        f"a statement has 10 s, and done_when 60 s: see what it reads or waited for, then orch advance {run.change.id} tries it"
        f" again; or orch abort {run.change.id} and submit a shorter one",
    )


def indeterminate(run: Run, planned: PlannedStep, seen: Observation) -> Indeterminate:
    """What was seen, what was expected, and what a person can do about it."""
    return Indeterminate(
        f"step {planned.ordinal} ({planned.description}) is {seen.seen.value}: {seen.detail}",
        f"look at the object; rename or drop what is not orch's and orch advance {run.change.id},"
        f" or restore what orch expects, or orch abort {run.change.id}",
    )
