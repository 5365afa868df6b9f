"""One phase of a Change under its Lease: repair what was lost, open the gate, bring the phase about.

Why it exists: this is the one path by which production is touched, for the CLI in a pipeline and for the worker alike.
"""

from __future__ import annotations

from orchestrator import compiling, deployed, gates, statuses
from orchestrator.core.errors import Stale
from orchestrator.core.gate import GateStatus, Requirement, refusal
from orchestrator.core.ports import Target
from orchestrator.core.progress import Listener
from orchestrator.core.reading import Usage
from orchestrator.engine import ddl, runner
from orchestrator.engine.lease import TTL
from orchestrator.engine.reconcile import reconcile
from orchestrator.engine.run import Run
from state import known
from state.machine import GATE_AHEAD, TERMINAL, WORKING
from state.model import Event, GateName, State
from state.store import Registry

UNSKIPPABLE = frozenset({"check", "deploy", "hold"})
"""Kinds of requirements that break-glass does not skip."""


def phase(
    registry: Registry,
    target: Target,
    change_id: str,
    client: str,
    break_glass: str | None,
    listen: Listener,
    ttl: float = TTL,
    captured: Usage | None = None,
) -> None:
    """Finish the work in hand, or run the next phase that has steps. Raises OrchError.

    ``captured`` are statements in use, for the Checks.
    """
    with runner.running(registry, target, change_id, client, listen, ttl) as run:
        if run.change.state in WORKING:
            run.stop_if_held()
        was = run.change.state
        if (contract := deployed.contracted(run)) is not None:
            _adopt_contract(run, contract, break_glass)
            return
        if run.change.state is State.CONTRACTING:
            _past_purge(run)
        reconcile(run, _Asked(captured))
        if run.change.state in WORKING:
            _go_on(run)
        elif run.change.state is was and was not in TERMINAL:
            _next_phase(run, break_glass, captured)


class _Asked:
    """What the data is asked before something is done once more."""

    def __init__(self, captured: Usage | None) -> None:
        self._captured = captured

    def may_contract(self, run: Run) -> None:
        """Whether every Check of the contract gate passes now. Raises Blocked."""
        gates.passes(run.change, GateName.CONTRACT, run.target, run.listen, self._captured)

    def may_go_back(self, run: Run) -> None:
        """Whether going back would lose no value that only the new shape holds. Raises Blocked."""
        gates.going_back_loses(run.change, run.target, "advance")


def _go_on(run: Run) -> None:
    """Going back is asked for by whoever may record an intent, so what it would lose is asked where it is carried out."""
    if run.change.state in runner.UNDONE_BY:
        gates.going_back_loses(run.change, run.target, "advance")
    runner.work(run)


def _next_phase(run: Run, break_glass: str | None, captured: Usage | None) -> None:
    found = _expanded(run) if run.change.state is State.PLANNED else None
    if _pass_empty(run):
        return
    gate = GATE_AHEAD[run.change.state]
    _open(run, gate, break_glass, captured)
    if (found := found or _told(run, gate)) is not None:
        deployed.record(run, gate, found)
    runner.start(run)
    runner.work(run)
    _pass_empty(run)


def _expanded(run: Run) -> deployed.Witness | None:
    """See that the Plan still fits; where the team's tool has deployed expand since, who did. Raises Stale, Indeterminate."""
    try:
        compiling.still_fits(run.change, run.target)
    except Stale as stale:
        return deployed.expanded(run, stale)
    return None


def _told(run: Run, gate: GateName) -> deployed.Witness | None:
    """Who says that a later phase is deployed. It is gone through all the same: Steps that are done are not sent again."""
    found = deployed.witness(run, gate)
    return found if found is not None and found.whole and not found.trouble else None


def _adopt_contract(run: Run, contract: deployed.Contract, break_glass: str | None) -> None:
    """Record a contract that somebody else deployed: in order where its gate stood open, else with its glass broken.

    Its Checks cannot be asked any more, since what they compare is parked. Raises Indeterminate.
    """
    run.stop_if_held()
    with run.registry.reading() as connection:
        missing = statuses.gate(known.one(connection, run.change.id), GateName.CONTRACT).missing
    names = [need.name for need in missing]
    if missing and break_glass is None:
        raise deployed.unproved(run, contract, names)
    if missing:
        data = {"reason": break_glass, "gate": GateName.CONTRACT.value, "skipped": names, "deployed": True}
        run.change = run.registry.record(run.change.id, Event.BREAK_GLASS, data, fence=run.lease.fence)
    if (found := deployed.witness(run, GateName.CONTRACT)) is not None:
        deployed.record(run, GateName.CONTRACT, found)
    runner.start(run)
    _past_purge(run)
    runner.work(run)
    _pass_empty(run)


def _past_purge(run: Run) -> None:
    """Leave the marker of each park that somebody else has purged: it alone tells that from a park that never was."""
    for planned in deployed.purged(run):
        ddl.remember(run, planned)


def _pass_empty(run: Run) -> bool:
    """Pass phases without steps, with their events and without a gate; whether that was the end of the Change."""
    while (gate := GATE_AHEAD.get(run.change.state)) is not None:
        if run.plan.of(gate.value):
            return False
        run.stop_if_held()
        runner.start(run)
    return True


def _open(run: Run, gate: GateName, break_glass: str | None, captured: Usage | None) -> None:
    """Open a gate, or raise what is missing. Break-glass skips approvals, soak, window and freezes, never Checks."""
    gates.fresh(run.registry, run.change, gate, run.target, run.listen, run.stop_unless_ours, captured)
    with run.registry.reading() as connection:
        status = statuses.gate(known.one(connection, run.change.id), gate)
    missing = status.missing
    if break_glass is not None and missing and not _unskippable(missing):
        data = {"reason": break_glass, "gate": gate.value, "skipped": [need.name for need in missing]}
        run.change = run.registry.record(run.change.id, Event.BREAK_GLASS, data, fence=run.lease.fence)
    elif missing:
        left = _unskippable(missing) if break_glass is not None else missing
        raise refusal(run.change.id, GateStatus(gate, False, left, status.evidence_sha256))


def _unskippable(missing: tuple[Requirement, ...]) -> tuple[Requirement, ...]:
    return tuple(need for need in missing if need.kind in UNSKIPPABLE)
