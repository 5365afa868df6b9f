"""What split_column and merge_columns refuse when planning, and say."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from orchestrator.core.errors import Invalid, PlanRefused
from state.model import State
from tests.service.world import QUICK, World, source

INTO = {"a": {"type": "text", "up": "left(note, 1)"}, "b": {"type": "text", "up": "substr(note, 2)"}}


def split(**more: Any) -> str:
    return f"split_column: {json.dumps({'table': 'orders', 'column': 'note', 'into': INTO, 'down': 'a || b', **more})}"


def merge(**more: Any) -> str:
    asked = {"columns": ["note", "status"], "to": "said", "type": "text", "up": "note || status", "not_null": True}
    down = {"note": "left(said, 1)", "status": "substr(said, 2)"}
    return f"merge_columns: {json.dumps({'table': 'orders', **asked, 'down': down, 'default': 'null', **more})}"


def part(**more: Any) -> dict[str, Any]:
    return {**INTO, "b": {**INTO["b"], **more}}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (split(into=part(up="email")), "up of orders.b reads email"),
        (split(into=part(up="a")), 'column "a" does not exist'),
        (split(into=part(up="random()::text")), "volatile"),
        (split(into=part(up="now()::text")), "depends on the clock"),
        (split(into=part(up="x.note")), "up of orders.b"),
        (split(into=part(type="nosuch")), "nosuch"),
        (split(into=part(default="note")), "default of public.orders.b: it reads note"),
        (split(into=part(default="'x'::int")), "default of public.orders.b: invalid input syntax"),
        (split(down="a || note"), "down of orders.note reads note"),
        (split(down="a ||"), "down of orders.note"),
        (split(into={**INTO, "email": INTO["a"]}), "already has a column 'email'"),
        (split(column="email"), "public.orders.email is NOT NULL, and no new column is"),
        (split(column="status", into=part(not_null=True)), "has the default 'pending'"),
        (
            split(column="quantity", into=part(not_null=True)),
            "CHECK quantity_is_positive of public.orders asks something",
        ),
        (split(column="id"), "identity"),
        (split(column="nosuch"), "nosuch"),
        (merge(columns=["note", "quantity"], down={"note": "said", "quantity": "1"}), "CHECK quantity_is_positive"),
        (merge(not_null=False), "public.orders.status is NOT NULL, and no new column is"),
        (merge(up="note || email"), "up of orders.said reads email"),
        (merge(to="email"), "already has a column 'email'"),
        (merge(default=None), "public.orders.status has the default 'pending'"),
    ],
)
def test_what_is_not_safe_is_refused_when_planning(module_world: World, asked: str, words: str) -> None:
    with pytest.raises(PlanRefused) as refused:
        module_world.service.plan(source(asked), "c.yaml")
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ("CREATE UNIQUE INDEX once ON orders (note, id)", "part of the unique index once"),
        ("CREATE VIEW seen AS SELECT note FROM orders", "used by view public.seen"),
        ("ALTER TABLE orders ADD CONSTRAINT pair CHECK (note <> status)", "CHECK pair of public.orders asks something"),
        ("CREATE TABLE child () INHERITS (orders)", "takes part in inheritance"),
        ("CREATE SEQUENCE counting OWNED BY orders.note", "has the sequence public.counting"),
    ],
)
@pytest.mark.parametrize("asked", [split(), merge()])
def test_what_stands_in_the_way_is_refused_when_planning(world: World, asked: str, there: str, words: str) -> None:
    world.run(there)
    with pytest.raises(PlanRefused) as refused:
        world.service.plan(source(asked), "c.yaml")
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (split(into={"a": INTO["a"]}), "into"),
        (split(into=part(nosuch=1)), "nosuch"),
        (merge(columns=["note"]), "columns"),
        (merge(columns=["note", "note"]), "twice"),
        (merge(down={"note": "said"}), "an expression for each of columns"),
        (merge(down={"note": "said", "status": "said", "email": "said"}), "and for no other"),
        (merge(down="never"), "or none for no way back"),
    ],
)
def test_what_contradicts_itself_is_invalid(module_world: World, asked: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        module_world.service.plan(source(asked), "c.yaml")


def test_an_index_of_the_old_shape_is_told_and_goes_with_it(world: World) -> None:
    world.run("CREATE INDEX by_note ON orders (note)")
    plan = world.service.plan(source(split(), more=QUICK), "c.yaml")
    assert any("purge of public.orders.note also drops by_note: add_index over a, b" in note for note in plan.notes)


def test_without_a_way_back_the_old_columns_stay_empty(world: World) -> None:
    world.submit(merge(down="none", up="coalesce(note, '') || status"))
    world.to(State.SWITCHED)
    world.run("INSERT INTO orders (email, quantity, said) VALUES ('x', 1, 'xyz')")
    newest = "SELECT note, status, said FROM orders ORDER BY id DESC LIMIT 1"
    assert world.rows(newest) == [(None, None, "xyz")]
    world.to(State.COMPLETED)


def test_both_old_columns_are_parked_and_come_back_together(world: World) -> None:
    world.run("UPDATE orders SET note = 'n' WHERE note IS NULL")
    before = world.seen()
    world.submit(merge(default="'d-fault'"))
    world.to(State.CONTRACTED)
    with pytest.raises(psycopg.errors.UndefinedColumn):
        world.run("SELECT note FROM orders")
    world.run("INSERT INTO orders (id, email, quantity) VALUES (999, 'x', 1)")
    assert world.rows("SELECT said FROM orders WHERE id = 999") == [("d-fault",)]
    world.service.undo("change", reason="a test says so")
    world.service.advance("change")
    assert world.rows("SELECT note, status FROM orders WHERE id = 999") == [("d", "-fault")]
    world.run("DELETE FROM orders WHERE id = 999")
    assert world.abort().state is State.ABORTED
    assert world.seen() == before
