"""Brings Registry and Target to the same story before a run touches anything, whichever of them lost its last commits.

Why it exists: a Registry that fell back says ``switched`` of a Target whose old shape is parked, and a run that believes it
installs the sync over the park and breaks the application's writes. So the markers are read first (``core.reckoning``). What
the Target did and the Registry forgot is adopted, by the machine's own edges; what the Target lost is brought about or taken
back again, never past a gate's Checks that it does not remember to have passed; what fits no story is left to a person.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from orchestrator.core.errors import Indeterminate, OrchError
from orchestrator.core.plan import PHASES, PlannedStep
from orchestrator.core.ports import Seen
from orchestrator.core.reckoning import Reckoning, reckon
from orchestrator.core.step import PURGES
from orchestrator.engine import ddl, runner
from orchestrator.engine.run import Run
from state import queries
from state.errors import Forbidden
from state.machine import GATE_AHEAD, TERMINAL
from state.model import Event, State, StepStatus

_CONTRACT = ("contract", "purge")
_CONFIRMED = frozenset({State.EXPANDING, State.BACKFILLING, State.SWITCHING} | set(GATE_AHEAD))
"""States in which earlier Steps must stand as they were made. Contract renames and rewrites them: a park that took effect
before its outcome was recorded would look like a lost sync, and bringing that about again would break the application's writes.
"""
_HELD = frozenset({StepStatus.DONE, StepStatus.RUNNING})


class Questions(Protocol):
    """What must be asked of the data before something is done once more. Each raises OrchError with what was seen."""

    def may_contract(self, run: Run) -> None:
        """Whether every Check of the contract gate passes now."""

    def may_go_back(self, run: Run) -> None:
        """Whether going back would lose no value that only the new shape holds."""


def reconcile(run: Run, ask: Questions) -> None:
    """Make both tell the same, and see that what is recorded as done still stands. Raises OrchError.

    The Change may be in another state afterwards.
    """
    with run.registry.reading() as connection:
        behind = queries.is_behind(connection, run.change.id)
    found = _reckoned(run)
    if found.strangers:
        raise _stranger(run, found)
    if behind or found.ahead:
        _catch_up(run, found.ahead, behind=behind)
        found = _reckoned(run)
    if found.revived:
        _undo_again(run, found.revived, ask)
    if found.missing:
        begun = _contract_began(run)
        _make_up(run, _gone(run, found.missing), ask, begun=begun)
    if run.change.state in _CONFIRMED:
        runner.confirm(run)


def _reckoned(run: Run) -> Reckoning:
    return reckon(run.change.state, run.rows().values(), run.target.marks(run.change.id))


def _gone(run: Run, missing: Iterable[int]) -> tuple[PlannedStep, ...]:
    """Of Steps without a marker those that the catalog does not show either; the others get their marker.

    Steps are brought about in order, so the first that is lost takes all later ones with it: what drops something looks
    done before there was anything to drop.
    """
    lost: list[PlannedStep] = []
    for planned in (step for step in run.plan.steps if step.ordinal in set(missing)):
        if not lost and ddl.observed(run, planned).seen is Seen.DONE:
            _found(run, [planned])  # first: a marker under a newer fence than the Registry knows says that it is behind
            ddl.remember(run, planned)
        else:
            lost.append(planned)
    return tuple(lost)


# -- the Registry lost something ---------------------------------------------------------------------------------------


def _catch_up(run: Run, ahead: frozenset[int], *, behind: bool) -> None:
    """Record what the Target shows of runs the Registry has forgotten; the last event says so, and ends it."""
    run.tell(
        "waiting", "the target has seen a later run than the registry knows of: the registry lost its last commits"
    )
    was = run.change.state
    if ahead:
        _adopt(run, ahead)
    gone = _gone(run, _reckoned(run).missing) if behind else ()
    if gone:
        _step_back(run, gone)
    facts = {"was": was.value, "found": sorted(ahead), "gone": [planned.ordinal for planned in gone]}
    run.change = run.registry.record(run.change.id, Event.REGISTRY_BEHIND, facts, fence=run.lease.fence)


def _adopt(run: Run, ahead: frozenset[int]) -> None:
    """Go through every phase up to the last Step found, without its gate: it was open when the Target went through."""
    last, left = max(ahead), set(ahead)

    def found(steps: Iterable[PlannedStep]) -> None:
        rows = run.rows()
        _found(
            run, [step for step in steps if step.ordinal in left or rows[step.ordinal].status is not StepStatus.DONE]
        )
        left.difference_update(step.ordinal for step in steps)

    while run.change.state not in TERMINAL:
        state = run.change.state
        if state in GATE_AHEAD:
            phase = GATE_AHEAD[state].value
            found([step for step in run.plan.of(*PHASES[: PHASES.index(phase)]) if step.ordinal in left])
            later = run.plan.of(*PHASES[PHASES.index(phase) :])
            if not later or later[0].ordinal > last or _half_contracted(run, phase, last):
                return
            _enter(run, phase)
        elif state in runner.PHASE_OF:
            steps = run.plan.of(runner.PHASE_OF[state])
            found([step for step in steps if step.ordinal <= last])
            if steps[-1].ordinal > last:
                return
            runner.finish(run)
        elif not _was_finished(run, ahead):
            return


def _enter(run: Run, phase: str) -> None:
    """Pass the gate that the Target went through. Where people's consent is lost, too, they are asked for it again."""
    try:
        runner.start(run)
    except Forbidden as error:
        raise Indeterminate(
            f"the target shows {phase} of {run.change.id} begun, but the registry lost its last commits, and with them"
            f" the approvals of it: {error}",
            f"compare with the registry's backup; then orch approve {run.change.id} --gate {phase} and"
            f" orch advance {run.change.id}, which records what the target shows",
        ) from error


def _half_contracted(run: Run, phase: str, last: int) -> bool:
    """Take back a contract that was left half done: people are asked anew. True where that was done."""
    steps = run.plan.of(phase)
    done = [step for step in steps if step.ordinal <= last]
    if phase != "contract" or len(done) == len(steps) or any(isinstance(step.step, PURGES) for step in done):
        return False
    _found(run, done)
    for planned in reversed(done):
        ddl.undo(run, planned)
    return True


def _was_finished(run: Run, ahead: frozenset[int]) -> bool:
    """Finish taking back a phase whose Steps the Target has done anew since. False where it has not, or aborts."""
    steps = run.plan.of(*runner.UNDONE_BY[run.change.state])
    if run.change.state is State.ABORTING or not any(step.ordinal in ahead for step in steps):
        _found(run, [step for step in run.plan.steps if step.ordinal in ahead])
        return False
    _undone(run, steps)
    runner.finish(run)
    return True


def _found(run: Run, steps: Iterable[PlannedStep]) -> None:
    for planned in steps:
        run.registry.step_found(run.change.id, planned.ordinal, run.lease.fence)
        run.tell("step.done", f"found done: {planned.description}", planned.ordinal)


def _undone(run: Run, steps: Iterable[PlannedStep]) -> None:
    """Record as taken back what the Target does not have."""
    rows = run.rows()
    for planned in reversed(tuple(steps)):
        if rows[planned.ordinal].status in _HELD:
            run.registry.step_undone(run.change.id, planned.ordinal, run.lease.fence)


def _step_back(run: Run, gone: tuple[PlannedStep, ...]) -> None:
    """The Target was taken back by a run the Registry has forgotten: record that it was wanted, and finish it."""
    if run.change.state in (State.PURGING, State.COMPLETED):
        raise _both(run, gone)
    if run.change.state is State.CONTRACTED:
        _intend(run, Event.UNDO_STARTED)
    if run.change.state in (State.UNDOING, State.CONTRACTING):
        _leave_contract(run, gone)
    phases = {planned.phase for planned in gone}
    if phases & {"expand", "backfill"} and run.change.state is not State.ABORTING:
        _intend(run, Event.ABORT_STARTED)
    elif "switch_reads" in phases and run.change.state is State.SWITCHED:
        _intend(run, Event.UNSWITCH_STARTED)
    _undone(run, gone)


def _intend(run: Run, event: Event) -> None:
    reason = "found undone on the target: the registry had lost its last commits"
    run.change = run.registry.record(run.change.id, event, {"reason": reason})


def _leave_contract(run: Run, gone: tuple[PlannedStep, ...]) -> None:
    """Take back what is left of contract; people are asked at its gate again."""
    _undone(run, [planned for planned in gone if planned.phase == "contract"])
    runner.take_back(run, ("contract",))
    if run.change.state is State.UNDOING:
        runner.finish(run)
    else:
        run.change = run.registry.record(run.change.id, Event.CONTRACT_ABSENT, {}, fence=run.lease.fence)
    run.tell("phase", f"{run.change.state.value}: contract is not there any more")


# -- the Target lost something -----------------------------------------------------------------------------------------


def _undo_again(run: Run, revived: frozenset[int], ask: Questions) -> None:
    """The Target lost an undo: record the Steps as found, and take them back once more."""
    steps = [planned for planned in run.plan.steps if planned.ordinal in revived]
    run.tell("waiting", "the target lost its last commits: what was taken back is there again, and is taken back again")
    ask.may_go_back(run)
    for planned in reversed(steps):
        _found(run, [planned])
        ddl.undo(run, planned)


def _contract_began(run: Run) -> bool:
    """Whether the Target itself remembers a Step of contract. That one looks done is not enough: what drops does so before."""
    rows, done = run.rows(), run.target.marks(run.change.id).done
    return any(rows[planned.ordinal].step_id in done for planned in run.plan.of("contract"))


def _make_up(run: Run, gone: tuple[PlannedStep, ...], ask: Questions, *, begun: bool) -> None:
    """The Target lost Steps that are recorded as done: bring about again what may be, go back to a gate otherwise."""
    state = run.change.state
    if state in runner.UNDONE_BY:
        _undone(run, [planned for planned in gone if planned.phase in runner.UNDONE_BY[state]])
        return
    contract = tuple(planned for planned in gone if planned.phase in _CONTRACT)
    if contract or state is State.COMPLETED:
        _again(run, [planned for planned in gone if planned not in contract])
    if all(isinstance(planned.step, PURGES) for planned in contract):
        _again(run, contract)
    elif state in (State.CONTRACTING, State.CONTRACTED):
        if state is State.CONTRACTED:
            reason = "the target lost its last commits, and contract with them"
            run.change = run.registry.record(run.change.id, Event.UNDO_STARTED, {"reason": reason})
        _leave_contract(run, contract)
    else:
        _contract_again(run, contract, ask, begun=begun)


def _again(run: Run, steps: Iterable[PlannedStep]) -> None:
    rows = run.rows()
    for planned in steps:
        if rows[planned.ordinal].status is not StepStatus.PENDING:
            run.registry.step_lost(run.change.id, planned.ordinal, run.lease.fence)
        run.tell("waiting", "was done and is gone; it is brought about again", planned.ordinal)
        ddl.execute(run, planned)


def _contract_again(run: Run, gone: tuple[PlannedStep, ...], ask: Questions, *, begun: bool) -> None:
    """Purge was begun or done, so nothing leads back: contract once more, if everything that it asks for still holds.

    A Target that is in the middle of it went through its gate, and is gone on with as after a kill: half of contract, the
    Checks would judge by what it has changed already.
    """
    if not begun:
        try:
            ask.may_contract(run)
        except OrchError as refused:
            raise Indeterminate(
                f"{run.change.id} is {run.change.state.value}, the target lost contract, and what it shows now may not be"
                f" contracted: {refused.message}",
                f"repair the rows that are named, then orch advance {run.change.id}; or restore the target's lost commits",
            ) from refused
    _again(run, gone)


# -- what only a person can judge --------------------------------------------------------------------------------------


def _stranger(run: Run, found: Reckoning) -> Indeterminate:
    return Indeterminate(
        f"the target shows steps of another plan of {run.change.id} than the registry's: {', '.join(found.strangers)}",
        "restore the registry to where that plan was submitted; or, if it is lost for good, take those steps back by hand"
        " and delete their rows of orch_target.marker",
    )


def _both(run: Run, gone: Iterable[PlannedStep]) -> Indeterminate:
    steps = "; ".join(planned.description for planned in gone)
    return Indeterminate(
        f"{run.change.id} is {run.change.state.value}, and the target does not show, under the fence expected: {steps}",
        f"bring these about by hand as orch plan shows them, or restore the target or the registry to a moment at which"
        f" both agree; then orch advance {run.change.id}",
    )
