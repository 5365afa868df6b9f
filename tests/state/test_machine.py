"""The table is the whole truth: what it holds is possible, everything else is refused."""

from __future__ import annotations

from itertools import product

import pytest

from state.machine import (
    GATE_AHEAD,
    TERMINAL,
    TRANSITIONS,
    WORKING,
    Command,
    Folded,
    Refused,
    Shape,
    apply,
    decide,
    step_of,
)
from state.model import Event, Phase, State

FULL = Shape(frozenset(Phase), parks=True)
BARE = Shape(frozenset(), parks=False)
DATA = {"plan_sha256": "p", "ordinal": 0, "gate": "expand", "reason": "r"}
PLACES: tuple[State | None, ...] = (None, *State)


@pytest.mark.parametrize(("state", "event"), list(product(PLACES, Event)))
def test_every_pair_is_in_the_table_or_refused(state: State | None, event: Event) -> None:
    before = Folded(state, 7, "p") if state else None
    if (state, event) not in TRANSITIONS:
        with pytest.raises(Refused, match="cannot follow"):
            apply(before, event, DATA)
        return
    edge = step_of(state, event)
    assert edge.sentence
    assert apply(before, event, DATA).state is edge.to


@pytest.mark.parametrize(("state", "command", "shape"), list(product(State, Command, (FULL, BARE))))
def test_every_command_gives_an_edge_or_says_what_is_possible(state: State, command: Command, shape: Shape) -> None:
    try:
        event = decide(state, command, shape)
    except Refused as refused:
        words = str(refused)
    else:
        assert (state, event) in TRANSITIONS
        return
    assert f"while the change is {state.value}" in words
    assert "possible now" in words or "nothing is left" in words


def test_every_state_is_reachable_and_only_ends_are_ends() -> None:
    reached: set[State | None] = {None}
    while grown := {edge.to for (state, _), edge in TRANSITIONS.items() if state in reached} - reached:
        reached |= grown
    assert reached == {None, *State}
    left = {state for (state, _), edge in TRANSITIONS.items() if edge.to is not state}
    assert set(State) - left == set(TERMINAL)


def test_every_state_rests_works_or_is_an_end() -> None:
    assert set(State) == set(GATE_AHEAD) | WORKING | TERMINAL
    assert len(GATE_AHEAD) + len(WORKING) + len(TERMINAL) == len(State)


def test_abort_ends_with_the_intent_to_contract() -> None:
    able = {state for state in State if (state, Event.ABORT_STARTED) in TRANSITIONS}
    assert not able & {State.CONTRACTING, State.CONTRACTED, State.PURGING, State.UNDOING, State.COMPLETED}
    assert State.SWITCHED in able


@pytest.mark.parametrize("state", list(State))
def test_the_version_counts_all_but_the_lease(state: State) -> None:
    for event in Event:
        if (state, event) in TRANSITIONS:
            grown = apply(Folded(state, 7, "p"), event, DATA).version - 7
            assert grown == (0 if event in (Event.LEASE_ACQUIRED, Event.LEASE_RELEASED) else 1)
