"""What the walks of ``tests/conformance`` cannot ask: ways back that are refused, and those with nothing to take back."""

from __future__ import annotations

import psycopg
import pytest

from orchestrator.core.errors import Blocked
from state.model import State, Verdict
from tests.service.world import QUICK, World

RENAME = "rename_column: {table: orders, column: email, to: customer_email}"
CHANGE_TYPE = "change_type: {table: orders, column: quantity, to: amount, type: bigint}"
NOT_NULL = "set_not_null: {table: orders, column: note}"
VOLATILE = "add_column: {table: orders, column: token, type: uuid, default: gen_random_uuid()}"


@pytest.mark.parametrize("state", [State.PLANNED, State.EXPANDED])
def test_an_abort_with_nothing_to_undo_is_no_trouble(world: World, state: State) -> None:
    world.run("UPDATE orders SET note = 'none' WHERE note IS NULL")
    before = world.seen()
    world.submit(NOT_NULL)
    if state is not State.PLANNED:  # set_not_null has nothing to expand: it is passed at once
        world.step()
        assert world.service.status("change").state is State.SWITCHED
    assert world.abort().state is State.ABORTED
    assert world.seen() == before


def test_reads_can_be_switched_back(world: World) -> None:
    world.submit(RENAME)
    world.to(State.SWITCHED)
    assert world.rows("SELECT orch_target.reads_new('change')") == [(True,)]
    world.service.undo("change", reason="the new version is slow")
    assert world.service.advance("change").state is State.BACKFILLED
    assert world.rows("SELECT orch_target.reads_new('change')") == [(False,)]
    world.to(State.SWITCHED)
    assert world.abort().state is State.ABORTED


@pytest.mark.parametrize("state", [State.CONTRACTED, State.COMPLETED])
def test_there_is_no_abort_after_contract(world: World, state: State) -> None:
    world.submit(RENAME, more=QUICK)
    world.to(state)
    with pytest.raises(Blocked):
        world.service.abort("change", reason="too late")
    assert world.service.status("change").state is state


def test_what_only_the_new_shape_can_hold_stops_abort_and_undo(world: World) -> None:
    """F16: a value that does not convert back is never thrown away, and the row is named."""
    world.submit(CHANGE_TYPE)
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


def test_an_abort_takes_nothing_from_a_version_that_is_connected(world: World) -> None:
    """F28: the new shape is dropped only once nobody is left who was written for it."""
    world.submit(RENAME, more=QUICK + "readers: {statements: none, reason: a test, new_versions: shop@2.%}\n")
    world.to(State.SWITCHED)
    with psycopg.connect(world.url, application_name="shop@2.7"):
        with pytest.raises(Blocked, match=r"1 sessions of new versions.*shop@2\.7"):
            world.service.abort("change", reason="back")
        world.service.undo("change", reason="reads first")
        assert world.service.advance("change").state is State.BACKFILLED
    world.service.abort("change", reason="back")
    with psycopg.connect(world.url, application_name="shop@2.8"), pytest.raises(Blocked, match=r"shop@2\.8"):
        world.service.advance("change")
    assert world.service.advance("change").state is State.ABORTED
    assert world.rows("SELECT percent FROM orch_target.read_switch") == [(0,)]


def test_a_volatile_default_is_computed_for_each_row(world: World) -> None:
    world.submit(VOLATILE)
    world.to(State.COMPLETED)
    assert world.rows("SELECT count(DISTINCT token) FROM orders") == [(300,)]


def test_what_was_approved_after_an_undo_of_contract_is_contracted(world: World) -> None:
    """The gate asks for the proof of NOT NULL: gone with the undo, it would be proved between approval and contract (exit 6)."""
    world.submit(
        "rename_column: {table: orders, column: email, to: mail}",
        "set_not_null: {table: orders, column: note, fill: \"'none'\"}",
    )
    world.to(State.CONTRACTED)
    world.service.undo("change", reason="a test says so")
    assert world.service.advance("change").state is State.SWITCHED
    assert all(finding.verdict is Verdict.PASS for finding in world.service.verify("change").findings)
    assert world.step().state is State.CONTRACTED
