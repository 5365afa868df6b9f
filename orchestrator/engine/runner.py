"""Runs a phase, undoes one, recovers: the order in which Steps are brought about.

Why it exists: ``advance`` after any interruption must continue. So every run begins by shutting out older workers, then asks
the catalog about every Step that the Registry believes running or done (a failover may have lost what was recorded), and
only then goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.core import ramp
from orchestrator.core.duration import words
from orchestrator.core.errors import Invalid, LeaseLost, OrchError, Waiting
from orchestrator.core.keys import SwapPrimaryKey
from orchestrator.core.parkstep import ParkColumn, ParkTable
from orchestrator.core.partitioned import DropPartitionedIndex
from orchestrator.core.plan import Plan, PlannedStep, parse_plan
from orchestrator.core.ports import ConnectionLost, Fenced, LockNotGranted, Seen, Target, TargetError
from orchestrator.core.progress import Listener
from orchestrator.core.reckoning import ENDED
from orchestrator.core.step import DropConstraint, DropIndex, RemoveSync, SwapIndex, SwitchReads
from orchestrator.core.viewstep import RenameColumn, RenameTable
from orchestrator.engine import ddl
from orchestrator.engine.lease import TTL, Lease, held
from orchestrator.engine.run import Run
from state import queries
from state.errors import FenceLost
from state.machine import Command, Shape, decide
from state.model import Event, Phase, State, StepStatus
from state.store import Registry

PHASE_OF = {
    State.EXPANDING: "expand",
    State.BACKFILLING: "backfill",
    State.SWITCHING: "switch_reads",
    State.CONTRACTING: "contract",
    State.PURGING: "purge",
}
"""The steps that each state with work in hand brings about."""
UNDONE_BY = {
    State.UNDOING: ("contract",),
    State.UNSWITCHING: ("switch_reads",),
    State.ABORTING: ("switch_reads", "backfill", "expand"),
}
"""The phases that each undoing state takes back."""

_LASTING = (
    ParkColumn,
    ParkTable,
    RemoveSync,
    RenameColumn,
    RenameTable,
    DropConstraint,
    DropIndex,
    DropPartitionedIndex,
    SwapIndex,
    SwapPrimaryKey,
)
"""The Steps of contract that no later one of it consumes."""

_VERDICTS = frozenset({4, 6, 7})
"""Exit codes that judge what was seen. Whoever was frozen while looking sees another's work in hand, and must not judge it."""


@contextmanager
def running(
    registry: Registry, target: Target, change_id: str, client: str, listen: Listener, ttl: float = TTL
) -> Iterator[Run]:
    """Hold the lease, shut out older workers on the target. Raises state.errors.Busy, LeaseLost, OrchError."""
    with _told(change_id), _fenced(registry, target, change_id, client, ttl) as (lease, ended):
        with registry.reading() as connection:
            change = queries.change(connection, change_id)
        run = Run(registry, target, change, parse_plan(change.plan), lease, listen)
        for name in ended:
            run.tell("waiting", f"ended an older session of ours: {name}")
        try:
            yield run
        except OrchError as verdict:
            if verdict.exit_code in _VERDICTS:
                lease.check()
            raise


@contextmanager
def _fenced(
    registry: Registry, target: Target, change_id: str, client: str, ttl: float
) -> Iterator[tuple[Lease, list[str]]]:
    """The lease, its fence raised on the target, and the sessions that this ended.

    A Registry that lost its last commits gives a fence that stands on the target already, perhaps with a live worker behind
    it. Then the lease is taken once more, beyond that fence, which shuts the other out.
    """
    beyond = refused = 0
    while True:
        with held(registry, change_id, client, ttl, beyond=beyond, refused=refused) as lease:
            try:
                ended = target.raise_fence(change_id, lease.fence, ttl / 2)
            except Fenced:
                if beyond:
                    raise
                beyond, refused = target.marks(change_id).fence, lease.fence
                continue
            yield lease, ended
            return


@contextmanager
def _told(change_id: str) -> Iterator[None]:
    try:
        yield
    except (FenceLost, Fenced) as error:
        raise LeaseLost(str(error), f"orch status {change_id}") from error
    except LockNotGranted as error:  # not even to look; whatever is sent waits visibly in ddl.py
        raise Waiting(
            f"a table of {change_id} is locked by somebody else: {error}",
            f"see who holds the lock (3 in orch tui), then orch advance {change_id}",
        ) from error
    except ConnectionLost as error:
        raise OrchError(f"the connection to the target was lost: {error}", f"orch advance {change_id}") from error
    except TargetError as error:
        if error.sqlstate == "42501":
            raise Invalid(f"the target refused: {error} [42501]", "let orch doctor say what the login lacks") from error
        raise OrchError(f"the target refused: {error} [{error.sqlstate}]", "orch doctor") from error


def shape(plan: Plan) -> Shape:
    """What the machine must know of a Plan."""
    names = {planned.phase for planned in plan.steps}
    return Shape(frozenset(phase for phase in Phase if phase.value in names), plan.parks)


def work(run: Run) -> None:
    """Finish the work in hand of the Change's state, then record that it is finished. Raises OrchError."""
    state = run.change.state
    if state in UNDONE_BY:
        take_back(run, UNDONE_BY[state])
    elif state is State.CONTRACTING:
        _contract(run)
    else:
        _bring_about(run, PHASE_OF[state])
    finish(run)


def start(run: Run) -> Event:
    """Record that the gate ahead is passed; ``started`` or, for a phase without steps, ``passed``."""
    event = decide(run.change.state, Command.ADVANCE, shape(run.plan))
    run.change = run.registry.record(run.change.id, event, {}, fence=run.lease.fence)
    run.tell("phase", run.change.state.value)
    return event


def finish(run: Run) -> None:
    """Record that the work in hand is done."""
    event = decide(run.change.state, Command.FINISH, shape(run.plan))
    run.change = run.registry.record(run.change.id, event, {}, fence=run.lease.fence)
    run.tell("phase", run.change.state.value)


def _bring_about(run: Run, phase: str) -> None:
    rows = run.rows()
    for planned in run.plan.of(phase):
        if rows[planned.ordinal].status is not StepStatus.DONE:
            run.stop_if_held()
            if isinstance(planned.step, SwitchReads):
                _stop_on_the_ramp(run)
            ddl.execute(run, planned)


def _stop_on_the_ramp(run: Run) -> None:
    """Raise Waiting while the part of the read switch that stands must stand longer."""
    if (rung := ramp.standing(run.rows().values(), run.registry.now())) is not None:
        raise Waiting(f"{run.change.id}: {rung}", f"orch advance {run.change.id} --wait {words(rung.seconds + 1)}")


def _contract(run: Run) -> None:
    """Contract, or leave everything as it was: a refused step takes the phase's earlier ones back."""
    try:
        _bring_about(run, "contract")
    except ddl.StepRefused as refused:
        take_back(run, ("contract",))
        run.change = run.registry.record(run.change.id, Event.CONTRACT_ABSENT, {}, fence=run.lease.fence)
        run.tell("phase", f"{run.change.state.value}: contract was taken back")
        raise refused


def take_back(run: Run, phases: tuple[str, ...]) -> None:
    """Undo every Step of some phases that may have taken effect, the last one first. Raises OrchError."""
    rows = run.rows()
    for planned in reversed(run.plan.of(*phases)):
        if rows[planned.ordinal].status in (StepStatus.DONE, StepStatus.RUNNING):
            ddl.undo(run, planned)


def confirm(run: Run) -> None:
    """Observe every Step recorded done whose effect must be visible now; what is lost is brought about again.

    A failover to a standby that lacked the last commits is noticed here, and repaired, never trusted. Whoever noticed it
    may have died over the repair: a Step of an earlier phase that is not done is brought about, too, in its turn, since what
    it needs may have been lost once more. Raises Indeterminate for what only a person can judge.
    """
    standing, left = _standing(run), _left_behind(run)
    for planned in sorted((*standing, *left), key=lambda each: each.ordinal):
        if planned in left or _is_lost(run, planned):
            ddl.execute(run, planned)


def _is_lost(run: Run, planned: PlannedStep) -> bool:
    """Whether a Step that is recorded done is gone; if so, that is recorded. Raises Indeterminate."""
    seen = ddl.observed(run, planned)
    if seen.seen is Seen.FOREIGN:
        raise ddl.indeterminate(run, planned, seen)
    if seen.seen is Seen.DONE:
        return False
    run.registry.step_lost(run.change.id, planned.ordinal, run.lease.fence)
    run.tell("waiting", "was done and is gone; it is brought about again", planned.ordinal)
    return True


def _left_behind(run: Run) -> list[PlannedStep]:
    """Steps that were done when their phase ended, were found gone since, and are not there again."""
    rows, ended = run.rows(), ENDED[run.change.state]
    return [p for p in run.plan.of(*ended) if rows[p.ordinal].status in (StepStatus.PENDING, StepStatus.RUNNING)]


def _standing(run: Run) -> tuple[PlannedStep, ...]:
    """Done Steps that no later one has consumed: contract renames and drops what expand and backfill made."""
    done = {ordinal for ordinal, row in run.rows().items() if row.status is StepStatus.DONE}
    contracted = [p for p in run.plan.of("contract") if p.ordinal in done]
    if any(p.ordinal in done for p in run.plan.of("purge")):
        return ()
    if contracted:
        return tuple(p for p in contracted if isinstance(p.step, _LASTING))
    return tuple(p for p in run.plan.of("expand", "backfill", "switch_reads") if p.ordinal in done)
