"""Rows that break what a change adds, or what going back would put back, are named by key before anything is refused."""

from __future__ import annotations

import pytest

from orchestrator.core.errors import Blocked
from state.model import State, Verdict
from tests.service.world import World


def broken(world: World, change: str = "change") -> dict[str, tuple[Verdict, tuple[str, ...]]]:
    """Constraint → verdict and keys, as the gate ahead sees it."""
    evidence = world.service.verify(change)
    found = [f for f in evidence.findings if f.name.startswith("rows_obey:")]
    return {finding.name.rsplit(".", 1)[1]: (finding.verdict, finding.samples) for finding in found}


def stops_at_the_gate(world: World) -> None:
    """Contract is refused at its gate, and nothing of it begins."""
    with pytest.raises(Blocked, match="rows_obey"):
        world.step()
    assert world.service.status("change").state is State.SWITCHED
    assert "contract.started" not in world.kinds()


def test_rows_that_break_a_check(world: World) -> None:
    world.run("ALTER TABLE orders ALTER ticket DROP NOT NULL")
    world.run("CREATE FUNCTION positive(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 0'")
    world.run("UPDATE orders SET ticket = -1 WHERE id IN (7, 9)", "UPDATE orders SET ticket = NULL WHERE id = 8")
    world.submit("add_check: {table: orders, check: positive(ticket) -- 100 %, name: some}")
    stops_at_the_gate(world)
    assert broken(world) == {"some": (Verdict.FAIL, ("id=7", "id=9"))}
    world.run("UPDATE orders SET ticket = 1 WHERE id IN (7, 9)")
    assert broken(world) == {"some": (Verdict.PASS, ())}
    world.to(State.COMPLETED)
    assert world.rows("SELECT convalidated FROM pg_constraint WHERE conname = 'some'") == [(True,)]


def test_a_row_that_breaks_a_check_behind_the_gate_takes_contract_back(world: World) -> None:
    world.submit("add_check: {table: orders, check: ticket >= 0, name: some}")
    world.to(State.SWITCHED)
    assert broken(world) == {"some": (Verdict.PASS, ())}
    world.service.approve("change")
    world.run("UPDATE orders SET ticket = -1 WHERE id = 7")
    with pytest.raises(Exception, match="23514"):
        world.service.advance("change")
    assert world.service.status("change").state is State.SWITCHED
    assert world.rows("SELECT count(*) FROM pg_constraint WHERE conname = 'some'") == [(0,)]


def test_rows_that_are_null_stop_the_abort_of_drop_not_null(world: World) -> None:
    before = world.seen()
    world.submit("drop_not_null: {table: orders, column: email}")
    world.step()
    world.run("UPDATE orders SET email = NULL WHERE id = 7")
    with pytest.raises(Blocked, match="id=7"):
        world.service.abort("change", reason="a test says so")
    assert world.service.status("change").state is State.SWITCHED
    world.run("UPDATE orders SET email = 'x' WHERE id = 7")
    assert world.abort().state is State.ABORTED
    assert world.seen()[0] == before[0]


def test_rows_that_are_there_twice(world: World) -> None:
    world.run("UPDATE orders SET note = 'same' WHERE id IN (3, 5)", "UPDATE orders SET note = NULL WHERE id IN (6, 7)")
    world.run("UPDATE orders SET note = 'n' || id WHERE note IS NOT NULL AND id NOT IN (3, 5)")
    world.submit("add_unique: {table: orders, columns: [note], name: one}")
    stops_at_the_gate(world)
    assert broken(world) == {"one": (Verdict.FAIL, ("id=3", "id=5"))}
    world.run("DELETE FROM orders WHERE id = 5")
    assert broken(world) == {"one": (Verdict.PASS, ())}
    world.to(State.COMPLETED)


def test_a_duplicate_behind_the_gate_takes_contract_back(world: World) -> None:
    world.run("UPDATE orders SET note = 'n' || id")
    before = world.seen()
    world.submit("add_unique: {table: orders, columns: [note], name: one}")
    world.to(State.SWITCHED)
    world.service.approve("change")
    world.run("UPDATE orders SET note = 'n3' WHERE id = 5")
    with pytest.raises(Exception, match="23505"):
        world.service.advance("change")
    assert world.service.status("change").state is State.SWITCHED
    assert world.seen()[0] == before[0]


def test_rows_that_refer_to_nothing(world: World) -> None:
    world.run("CREATE TABLE parents (a int, b int, PRIMARY KEY (a, b))", "INSERT INTO parents VALUES (1, 1), (2, 2)")
    world.run("ALTER TABLE orders ADD a int DEFAULT 1, ADD b int DEFAULT 1")
    world.run("UPDATE orders SET b = 2 WHERE id IN (4, 6)", "UPDATE orders SET a = NULL WHERE id = 6")
    world.submit("add_foreign_key: {table: orders, columns: [a, b], references: parents, name: up}")
    stops_at_the_gate(world)
    assert broken(world) == {"up": (Verdict.FAIL, ("id=4",))}
    world.run("UPDATE orders SET a = 2 WHERE id = 4")
    assert broken(world) == {"up": (Verdict.PASS, ())}
    world.to(State.COMPLETED)
    assert world.rows("SELECT convalidated FROM pg_constraint WHERE conname = 'up'") == [(True,)]


def test_rows_that_break_it_stop_the_way_back_to_a_check(world: World) -> None:
    world.run("ALTER TABLE orders ADD CONSTRAINT few CHECK (ticket >= 0)")
    before = world.seen()
    world.submit("drop_constraint: {table: orders, constraint: few}")
    world.to(State.SWITCHED)
    world.run("UPDATE orders SET ticket = -1 WHERE id = 7")
    with pytest.raises(Blocked, match="id=7"):
        world.service.abort("change", reason="a test says so")
    world.run("UPDATE orders SET ticket = 0 WHERE id = 7")
    assert world.abort().state is State.ABORTED
    assert world.seen()[0] == before[0]


def test_rows_that_are_there_twice_stop_the_way_back_to_a_key(world: World) -> None:
    world.run("UPDATE orders SET note = 'n' || id", "ALTER TABLE orders ADD CONSTRAINT one UNIQUE (note)")
    before = world.seen()
    world.submit("drop_constraint: {table: orders, constraint: one}")
    world.to(State.CONTRACTED)
    world.run("UPDATE orders SET note = 'n3' WHERE id = 5")
    with pytest.raises(Blocked, match="id=3, id=5"):
        world.service.undo("change", reason="a test says so")
    world.run("UPDATE orders SET note = 'n5' WHERE id = 5")
    world.service.undo("change", reason="a test says so")
    assert world.service.advance("change").state is State.SWITCHED
    assert world.seen()[0] == before[0]
