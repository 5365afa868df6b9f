"""Abort leaves the schema as it was before expand, undo as it was before contract, with every row."""

from __future__ import annotations

import pytest

from orchestrator.core.errors import Blocked
from state.model import State
from tests.operations import cases
from tests.operations.cases import Case, together
from tests.service.world import QUICK, World

EXPANDED, BACKFILLED, SWITCHED = State.EXPANDED, State.BACKFILLED, State.SWITCHED
ABORTED = (
    (cases.RENAME_RICH, (EXPANDED, BACKFILLED, SWITCHED)),
    (
        together("change_type", cases.CHANGE_TYPE, cases.CHANGE_BY_EXPRESSION, cases.CHANGE_ONE_WAY),
        (BACKFILLED, SWITCHED),
    ),
    (cases.NOT_NULL_ROW, (EXPANDED, SWITCHED)),
    (together("add_column", cases.ADD_COLUMN, cases.ADD_VOLATILE), (EXPANDED, SWITCHED)),
    (together("drop_column", cases.DROP), (BACKFILLED, SWITCHED)),
)


@pytest.mark.parametrize(("case", "stages"), ABORTED, ids=str)
def test_an_abort_leaves_nothing_behind(world: World, case: Case, stages: tuple[State, ...]) -> None:
    world.run(*case.before)
    before, rows = world.seen(case.table)
    for stage in stages:
        change = world.submit(*case.operations, change=stage.value)
        world.to(stage, change)
        assert world.abort(change).state is State.ABORTED
        after, left = world.seen(case.table)
        for part in before:
            assert after[part] == before[part], (stage, part)
        if case is not cases.NOT_NULL_ROW:  # filled values stay, as its plan says
            assert left == rows
        assert world.rows(f"SELECT orch_target.reads_new('{change}')") == [(False,)]
    assert world.service.audit_verify() == []


@pytest.mark.parametrize("state", [State.PLANNED, State.EXPANDED])
def test_an_abort_with_nothing_to_undo_is_no_trouble(world: World, state: State) -> None:
    world.run(*cases.NOT_NULL.before)
    before = world.seen()
    world.submit(*cases.NOT_NULL.operations)
    if state is not State.PLANNED:  # set_not_null has nothing to expand: it is passed at once
        world.step()
        assert world.service.status("change").state is State.SWITCHED
    assert world.abort().state is State.ABORTED
    assert world.seen() == before


UNDONE = (
    cases.RENAME_RICH,
    together("mixed", cases.RENAME_DEFAULT, cases.CHANGE_TYPE, cases.CHANGE_BY_EXPRESSION),
    cases.DROP,
)


@pytest.mark.parametrize("case", UNDONE, ids=str)
def test_contract_can_be_undone_and_done_again(world: World, case: Case) -> None:
    world.run(*case.before)
    world.submit(*case.operations)
    world.to(State.SWITCHED)
    switched = world.seen(case.table)
    world.to(State.CONTRACTED)
    contracted = world.seen(case.table)
    assert contracted[0]["columns"] != switched[0]["columns"]
    world.service.undo("change", reason="old versions are back")
    assert world.service.advance("change").state is State.SWITCHED
    after, rows = world.seen(case.table)
    for part, wanted in switched[0].items():
        assert after[part] == wanted, part
    assert rows == switched[1]
    world.to(State.CONTRACTED)
    assert world.seen(case.table) == contracted
    world.to(State.COMPLETED)
    assert world.service.audit_verify() == []


def test_reads_can_be_switched_back(world: World) -> None:
    world.submit(*cases.RENAME.operations)
    world.to(State.SWITCHED)
    assert world.rows("SELECT orch_target.reads_new('change')") == [(True,)]
    world.service.undo("change", reason="the new version is slow")
    assert world.service.advance("change").state is State.BACKFILLED
    assert world.rows("SELECT orch_target.reads_new('change')") == [(False,)]
    world.to(State.SWITCHED)
    assert world.abort().state is State.ABORTED


@pytest.mark.parametrize("state", [State.CONTRACTED, State.COMPLETED])
def test_there_is_no_abort_after_contract(world: World, state: State) -> None:
    world.submit(*cases.RENAME.operations, more=QUICK)
    world.to(state)
    with pytest.raises(Blocked):
        world.service.abort("change", reason="too late")
    assert world.service.status("change").state is state


def test_what_only_the_new_shape_can_hold_stops_abort_and_undo(world: World) -> None:
    """F16: a value that does not convert back is never thrown away, and the row is named."""
    world.submit(*cases.CHANGE_TYPE.operations)
    world.to(State.SWITCHED)
    world.run("UPDATE orders SET amount = 3000000000 WHERE id = 7")
    for stop in (world.service.abort, world.service.undo):
        with pytest.raises(Blocked, match="id=7"):
            stop("change", reason="a test says so")
    world.to(State.CONTRACTED)
    with pytest.raises(Blocked, match="id=7"):
        world.service.undo("change", reason="a test says so")
    world.run("UPDATE orders SET amount = 3 WHERE id = 7")
    world.service.undo("change", reason="repaired")
    world.service.advance("change")
    assert world.abort().state is State.ABORTED
    assert world.rows("SELECT quantity FROM orders WHERE id = 7") == [(3,)]
