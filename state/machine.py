"""The state machine of a Change: one table, and two pure functions over it.

Why it exists: every door (CLI, TUI, worker, recovery, audit) asks the same table what may happen, so that
no door can invent a transition. ``decide`` turns an intent into the event that would record it; ``apply`` folds one
event into what is known of a Change. Both are total: what the table does not hold is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from state.model import Event, GateName, Phase, State, StepStatus


class Refused(Exception):
    """The machine has no such edge. ``str()`` says what state the Change is in and what is possible there."""


@dataclass(frozen=True, slots=True)
class Edge:
    """Where an event leads, and the sentence that says so to people."""

    to: State
    sentence: str


S, E = State, Event

_MOVES: dict[tuple[State | None, Event], Edge] = {
    (None, E.SUBMITTED): Edge(S.PLANNED, "the change is submitted with its plan"),
    (S.PLANNED, E.REPLANNED): Edge(S.PLANNED, "a changed file replaces the plan and voids approvals"),
    (S.PLANNED, E.EXPAND_STARTED): Edge(S.EXPANDING, "the expand gate opened; the new shape is being added"),
    (S.PLANNED, E.EXPAND_PASSED): Edge(S.EXPANDED, "there is nothing to expand"),
    (S.EXPANDING, E.EXPAND_FINISHED): Edge(S.EXPANDED, "the new shape stands and is kept in sync"),
    (S.EXPANDED, E.BACKFILL_STARTED): Edge(S.BACKFILLING, "the backfill gate opened; rows are being filled"),
    (S.EXPANDED, E.BACKFILL_PASSED): Edge(S.BACKFILLED, "there is nothing to backfill"),
    (S.BACKFILLING, E.BACKFILL_FINISHED): Edge(S.BACKFILLED, "every row is filled"),
    (S.BACKFILLED, E.SWITCH_STARTED): Edge(S.SWITCHING, "the switch_reads gate opened"),
    (S.BACKFILLED, E.SWITCH_PASSED): Edge(S.SWITCHED, "there are no reads to switch"),
    (S.SWITCHING, E.SWITCH_FINISHED): Edge(S.SWITCHED, "reads go to the new shape"),
    (S.SWITCHED, E.CONTRACT_STARTED): Edge(S.CONTRACTING, "the contract gate opened; abort is over"),
    (S.SWITCHED, E.CONTRACT_PASSED): Edge(S.COMPLETED, "there is nothing to contract"),
    (S.CONTRACTING, E.CONTRACT_PARKED): Edge(S.CONTRACTED, "the old shape is parked and can be undone"),
    (S.CONTRACTING, E.CONTRACT_COMPLETED): Edge(S.COMPLETED, "the old shape is gone, nothing is parked"),
    (S.CONTRACTING, E.CONTRACT_ABSENT): Edge(S.SWITCHED, "contract was found absent; abort is possible again"),
    (S.CONTRACTED, E.PURGE_STARTED): Edge(S.PURGING, "the purge gate opened; undo is over"),
    (S.PURGING, E.PURGE_FINISHED): Edge(S.COMPLETED, "the parked shape is dropped"),
    (S.CONTRACTED, E.UNDO_STARTED): Edge(S.UNDOING, "contract is being undone"),
    (S.UNDOING, E.UNDO_FINISHED): Edge(S.SWITCHED, "the old shape is back beside the new one"),
    (S.SWITCHED, E.UNSWITCH_STARTED): Edge(S.UNSWITCHING, "reads go back to the old shape"),
    (S.SWITCHING, E.UNSWITCH_STARTED): Edge(S.UNSWITCHING, "those who read the new shape go back to the old one"),
    (S.UNSWITCHING, E.UNSWITCH_FINISHED): Edge(S.BACKFILLED, "reads are on the old shape again"),
    (S.ABORTING, E.ABORT_FINISHED): Edge(S.ABORTED, "the schema is as it was before expand"),
} | {
    (state, E.ABORT_STARTED): Edge(S.ABORTING, "everything done so far is being undone")
    for state in (
        S.PLANNED,
        S.EXPANDING,
        S.EXPANDED,
        S.BACKFILLING,
        S.BACKFILLED,
        S.SWITCHING,
        S.SWITCHED,
        S.UNSWITCHING,
    )
}

TERMINAL = frozenset({S.COMPLETED, S.ABORTED})
GATE_AHEAD: Mapping[State, GateName] = {
    S.PLANNED: GateName.EXPAND,
    S.EXPANDED: GateName.BACKFILL,
    S.BACKFILLED: GateName.SWITCH_READS,
    S.SWITCHED: GateName.CONTRACT,
    S.CONTRACTED: GateName.PURGE,
}
"""The gate each resting state waits at."""
WORKING = frozenset(set(State) - TERMINAL - set(GATE_AHEAD))
"""States with work in hand: ``advance`` goes on with it."""


def _standing(kinds: Iterable[Event], states: Iterable[State], sentence: str) -> dict[tuple[State | None, Event], Edge]:
    """Edges that record a fact and leave the state as it is."""
    places = tuple(states)
    return {(state, kind): Edge(state, sentence) for kind in kinds for state in places}


_LIVE = tuple(state for state in State if state not in TERMINAL)
_STANDS: dict[tuple[State | None, Event], Edge] = {
    **_standing((E.STEP_STARTED, E.STEP_DONE, E.STEP_FAILED), State, "a step moved, or was brought about again"),
    **_standing((E.STEP_UNDONE,), State, "a step was taken back, or taken back again"),
    **_standing((E.STEP_LOST,), State, "a step recorded as done was found absent"),
    **_standing((E.STEP_FOUND,), State, "a step not recorded as done was found on the target"),
    **_standing((E.REGISTRY_BEHIND,), State, "the target has seen a later run than the registry knows of"),
    **_standing((E.LEASE_ACQUIRED, E.LEASE_RELEASED), State, "the right to run changed hands"),
    **_standing((E.APPROVED, E.REJECTED, E.REQUESTED, E.BREAK_GLASS), GATE_AHEAD, "a person spoke at the gate"),
    **_standing((E.EVIDENCE,), _LIVE, "checks were run"),
    **_standing((E.HELD, E.RESUMED), _LIVE, "a hold was set or lifted"),
    **_standing((E.TUNED,), _LIVE, "what the backfill is held to was changed"),
    **_standing((E.DEPLOYED,), _LIVE, "a deploy was attested"),
    **_standing((E.PHASE_DEPLOYED,), GATE_AHEAD, "the phase ahead was found deployed by the team's own migration tool"),
    **_standing((E.EXPORTED,), _LIVE, "the change was written as migrations of the team's own tool"),
    **_standing((E.REHEARSED,), _LIVE, "the change was taken through on a copy"),
}

TRANSITIONS: Mapping[tuple[State | None, Event], Edge] = _MOVES | _STANDS
"""Every allowed (state, event) pair. What is not here is refused."""

MOVES = frozenset(event for _, event in _MOVES)
"""Events that bring a Change somewhere, or to a new Plan; all others leave it where it is."""


class Command(StrEnum):
    """What a person or a worker wants of a Change."""

    ADVANCE = "advance"
    FINISH = "finish"
    ABORT = "abort"
    UNDO = "undo"
    REPLAN = "replan"
    APPROVE = "approve"
    REJECT = "reject"
    HOLD = "pause"
    RESUME = "resume"
    TUNE = "tune"
    ATTEST = "attest"


@dataclass(frozen=True, slots=True)
class Shape:
    """What the machine must know of a Plan: which phases have steps, and whether contract parks anything."""

    phases: frozenset[Phase]
    parks: bool


_STARTS = {
    S.PLANNED: (Phase.EXPAND, E.EXPAND_STARTED, E.EXPAND_PASSED),
    S.EXPANDED: (Phase.BACKFILL, E.BACKFILL_STARTED, E.BACKFILL_PASSED),
    S.BACKFILLED: (Phase.SWITCH_READS, E.SWITCH_STARTED, E.SWITCH_PASSED),
    S.SWITCHED: (Phase.CONTRACT, E.CONTRACT_STARTED, E.CONTRACT_PASSED),
}
_ENDS = {
    S.EXPANDING: E.EXPAND_FINISHED,
    S.BACKFILLING: E.BACKFILL_FINISHED,
    S.SWITCHING: E.SWITCH_FINISHED,
    S.PURGING: E.PURGE_FINISHED,
    S.UNDOING: E.UNDO_FINISHED,
    S.UNSWITCHING: E.UNSWITCH_FINISHED,
    S.ABORTING: E.ABORT_FINISHED,
}
_PLAIN = {
    Command.ABORT: E.ABORT_STARTED,
    Command.REPLAN: E.REPLANNED,
    Command.APPROVE: E.APPROVED,
    Command.REJECT: E.REJECTED,
    Command.HOLD: E.HELD,
    Command.RESUME: E.RESUMED,
    Command.TUNE: E.TUNED,
    Command.ATTEST: E.DEPLOYED,
}


def _wanted(state: State, command: Command, shape: Shape) -> Event | None:
    if command is Command.ADVANCE:
        if state is S.CONTRACTED:
            return E.PURGE_STARTED
        if state not in _STARTS:
            return None
        phase, started, passed = _STARTS[state]
        return started if phase in shape.phases else passed
    if command is Command.FINISH:
        if state is S.CONTRACTING:
            return E.CONTRACT_PARKED if shape.parks else E.CONTRACT_COMPLETED
        return _ENDS.get(state)
    if command is Command.UNDO:
        return E.UNDO_STARTED if state is S.CONTRACTED else E.UNSWITCH_STARTED
    return _PLAIN[command]


def decide(state: State, command: Command, shape: Shape) -> Event:
    """Which event would record ``command`` in ``state``.

    Raises Refused, naming what is possible, when the table has no such edge.
    """
    event = _wanted(state, command, shape)
    if event is None or (state, event) not in TRANSITIONS:
        raise Refused(f"{command.value} is not possible while the change is {state.value}; {_possible(state, shape)}")
    return event


def _possible(state: State, shape: Shape) -> str:
    able = [
        command.value
        for command in Command
        if command is not Command.FINISH
        and (event := _wanted(state, command, shape)) is not None
        and (state, event) in TRANSITIONS
    ]
    if state in WORKING:
        able.insert(0, "advance (goes on with the work in hand)")
    return f"possible now: {', '.join(able)}" if able else "nothing is left to do"


def step_of(state: State | None, event: Event) -> Edge:
    """The edge for (state, event). Raises Refused when there is none."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        where = state.value if state else "not submitted"
        raise Refused(f"{event.value} cannot follow while the change is {where}") from None


@dataclass(frozen=True, slots=True)
class Folded:
    """What the history alone says of a Change; ``orch audit --verify`` compares it with the stored rows."""

    state: State
    version: int
    plan_sha256: str
    held: bool = False
    requested: str | None = None
    steps: Mapping[int, StepStatus] = field(default_factory=dict)


_STEP_STATUS = {
    E.STEP_STARTED: StepStatus.RUNNING,
    E.STEP_FAILED: StepStatus.RUNNING,
    E.STEP_DONE: StepStatus.DONE,
    E.STEP_UNDONE: StepStatus.UNDONE,
    E.STEP_LOST: StepStatus.PENDING,
    E.STEP_FOUND: StepStatus.DONE,
}


def apply(folded: Folded | None, event: Event, data: Mapping[str, Any]) -> Folded:
    """Fold one event of one Change. Raises Refused where the machine has no such edge."""
    edge = step_of(folded.state if folded else None, event)
    if folded is None:
        return Folded(edge.to, 1, str(data["plan_sha256"]))
    if event in (E.LEASE_ACQUIRED, E.LEASE_RELEASED):
        return folded
    after = replace(folded, state=edge.to, version=folded.version + 1)
    if event is E.REPLANNED:
        return replace(after, plan_sha256=str(data["plan_sha256"]), steps={})
    if event in _STEP_STATUS:
        return replace(after, steps={**folded.steps, int(data["ordinal"]): _STEP_STATUS[event]})
    if event in (E.HELD, E.RESUMED):
        return replace(after, held=event is E.HELD)
    if event is E.REQUESTED:
        return replace(after, requested=str(data["gate"]))
    return replace(after, requested=None) if edge.to is not folded.state else after
