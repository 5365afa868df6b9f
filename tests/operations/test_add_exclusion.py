"""An exclusion constraint comes only where its build, which blocks everybody, is short; rows that break it are named before."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.core.errors import Blocked, OrchError, PlanRefused
from state.model import State, Verdict
from tests.operations.test_rows_that_break import broken
from tests.service.world import World, source

ADD = 'add_exclusion: {table: orders, elements: [{expression: "int4range(ticket, ticket + 2)", operator: "&&"}], name: apart}'


def _refused(world: World, elements: str, more: str = "") -> str:
    line = f"add_exclusion: {{table: orders, name: apart, elements: [{elements}]{more}}}"
    with pytest.raises(PlanRefused) as found:
        world.service.plan(source(line), "c.yaml")
    return str(found.value)


@pytest.mark.parametrize(
    ("elements", "more", "words"),
    [
        ('{column: email, operator: "&&"}', "", "choose the method, operator or operator class"),
        ('{column: ticket, operator: "="}', "", "data type integer has no default operator class"),
        ('{column: ticket, operator: "<"}', ", method: btree", "operator <(integer,integer) is not commutative"),
        ('{column: ticket, operator: "="}', ", method: gin", "gin"),
        ('{column: nosuch, operator: "="}', "", "has no column 'nosuch'"),
        ('{expression: "int4range(ticket, ticket) || now()", operator: "&&"}', "", "key of index apart"),
        ('{column: ticket, operator: "="}', ', method: btree, where: "random() > 1"', "where of index apart"),
    ],
)
def test_what_cannot_exclude_is_refused_when_planned(module_world: World, elements: str, more: str, words: str) -> None:
    assert words in _refused(module_world, elements, more)


def test_a_table_that_is_not_small_is_refused(world: World) -> None:
    """By what it takes on disk, too: nobody need have counted its rows."""
    ticket = '{column: ticket, operator: "="}'
    world.run(
        "INSERT INTO orders (email, quantity, ticket) SELECT 'e', 1, i FROM generate_series(1000, 1800) i",
        "ANALYZE orders",
    )
    assert "about 1101 rows" in _refused(world, ticket, ", method: btree")
    world.run(
        "DELETE FROM orders WHERE ticket >= 1000",
        "ALTER TABLE orders ALTER note SET STORAGE EXTERNAL",
        "UPDATE orders SET note = repeat('x', 5000)",
        "ANALYZE orders",
    )
    assert "bytes: an exclusion constraint" in _refused(world, ticket, ", method: btree")


def test_rows_that_meet_are_named_before_contract(world: World) -> None:
    world.run("UPDATE orders SET ticket = ticket * 10", "UPDATE orders SET ticket = 71 WHERE id = 3")
    world.submit(ADD)
    with pytest.raises(Blocked, match="rows_obey"):
        world.step()
    assert broken(world) == {"apart": (Verdict.FAIL, ("id=3", "id=7"))}
    world.run("UPDATE orders SET ticket = 30 WHERE id = 3")
    assert broken(world) == {"apart": (Verdict.PASS, ())}
    world.to(State.COMPLETED)
    assert world.rows("SELECT contype::text FROM pg_constraint WHERE conname = 'apart'") == [("x",)]


def test_only_rows_that_it_is_about_count(world: World) -> None:
    world.run("UPDATE orders SET note = CASE WHEN id IN (1, 2) THEN 'both' END, email = 'same'")
    world.submit(
        'add_exclusion: {table: orders, elements: [{column: email, operator: "="}, {column: ticket, operator: "="}],'
        " method: btree, name: apart}",
        'add_exclusion: {table: orders, elements: [{column: note, operator: "="}], method: hash, where: "id > 1", name: some}',
    )
    world.to(State.SWITCHED)
    assert broken(world) == {"apart": (Verdict.PASS, ()), "some": (Verdict.PASS, ())}
    world.to(State.COMPLETED)


def test_a_table_that_grew_behind_the_gate_takes_contract_back(world: World) -> None:
    world.run("UPDATE orders SET ticket = ticket * 10")
    world.submit(ADD)
    world.to(State.SWITCHED)
    world.service.approve("change")
    world.run("INSERT INTO orders (email, quantity, ticket) SELECT 'e', 1, i * 10 FROM generate_series(400, 1200) i")
    told: list[Any] = []
    with pytest.raises(OrchError, match="more than 1000 rows by now"):
        world.service.advance("change", listen=told.append)
    assert world.service.status("change").state is State.SWITCHED
    assert not any(getattr(each, "kind", "") == "step.retry" for each in told)
    assert world.rows("SELECT count(*) FROM pg_constraint WHERE conname = 'apart'") == [(0,)]
