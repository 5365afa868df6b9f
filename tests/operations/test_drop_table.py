"""What must not be dropped is refused when planning, or at the gate where it came later; undo brings back all of it."""

from __future__ import annotations

import pytest

from orchestrator.core.errors import Blocked, OrchError, PlanRefused
from state.model import State
from tests.service.world import World, source

DROP = "drop_table: {table: orders}"


NEEDING = (
    ("rule _RETURN on view public.v", "CREATE VIEW v AS SELECT id FROM orders"),
    ("materialized view public.m", "CREATE MATERIALIZED VIEW m AS SELECT 1 FROM orders"),
    ("constraint of on table", "CREATE TABLE lines (o bigint CONSTRAINT of REFERENCES orders)"),
    (
        "function public.f()",
        "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT max(id) FROM orders; END",
    ),
    ("function public.g(", "CREATE FUNCTION g(o orders) RETURNS int LANGUAGE sql AS 'SELECT 1'"),
    ("column was of table", "CREATE TABLE log (was orders[])"),
    ("default value for column n", "CREATE TABLE other (n bigint DEFAULT nextval('orders_id_seq'))"),
    ("policy p on table", "CREATE TABLE o () / CREATE POLICY p ON o USING (EXISTS (SELECT FROM orders))"),
)


def test_everything_that_needs_the_table_is_named_at_once(world: World) -> None:
    world.run(*(statement for _, made in NEEDING for statement in made.split(" / ")))
    with pytest.raises(PlanRefused) as refused:
        world.service.plan(source(DROP), "c.yaml")
    assert [words for words, _ in NEEDING if words not in refused.value.message] == []
    assert refused.value.message.count(", ") == len(NEEDING) - 1
    assert "drop_constraint" in refused.value.next_step


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ("CREATE PUBLICATION p FOR TABLE orders", "published by p"),
        ("CREATE TABLE part () INHERITS (orders)", "inheritance"),
        (
            "CREATE TABLE c (id int PRIMARY KEY) / ALTER TABLE orders ADD f int CONSTRAINT fk REFERENCES c",
            "foreign key fk",
        ),
        ("ALTER TABLE orders ADD _orch_parked_0123456789ab int", "another change is under way on public.orders"),
    ],
)
def test_what_else_stands_in_the_way_is_named(world: World, before: str, words: str) -> None:
    world.run(*before.split(" / "))
    with pytest.raises(PlanRefused, match=words) as refused:
        world.service.plan(source(DROP), "c.yaml")
    assert refused.value.next_step


HANGING = (
    "CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TRIGGER t BEFORE UPDATE OF note ON orders FOR EACH ROW EXECUTE FUNCTION t()",
    "CREATE POLICY p ON orders USING (id > 0)",
    "CREATE STATISTICS st ON status, quantity FROM orders",
    "ALTER TABLE orders ADD above bigint CONSTRAINT up REFERENCES orders ON DELETE CASCADE",
    "ALTER TABLE orders ADD twice int GENERATED ALWAYS AS (quantity * 2) STORED",
    "CREATE TABLE c (id int PRIMARY KEY)",
    "ALTER TABLE orders ADD f int REFERENCES c ON DELETE CASCADE",
    "GRANT SELECT ON orders TO PUBLIC",
)


def test_what_hangs_on_the_table_goes_and_comes_with_it(world: World) -> None:
    world.run(*HANGING)
    world.submit(DROP)
    world.to(State.SWITCHED)
    was = world.seen()
    world.to(State.CONTRACTED)
    assert world.rows("SELECT to_regclass('orders') IS NULL") == [(True,)]
    world.service.undo("change", reason="it is needed")
    world.service.advance("change")
    assert world.seen() == was
    world.to(State.COMPLETED)
    assert world.rows("SELECT count(*) FROM pg_class WHERE relname LIKE '\\_orch\\_parked%'") == [(0,)]


@pytest.mark.parametrize(
    ("operations", "words"),
    [
        ((DROP, "add_column: {table: orders, column: x, type: int}"), "operations 1 and 2 both change public.orders"),
        (("drop_column: {table: orders, column: note}", DROP), "operations 1 and 2 both change public.orders"),
        ((DROP, "create_table: {table: b, columns: [{name: o, type: bigint}],"
          " foreign_keys: {f: {columns: [o], references: orders}}}"), "operation 2 reads public.orders, which 1 takes away"),
    ],
)  # fmt: skip
def test_nothing_of_the_same_change_may_touch_it(module_world: World, operations: tuple[str, ...], words: str) -> None:
    with pytest.raises(PlanRefused, match=words):
        module_world.service.plan(source(*operations), "c.yaml")


def test_what_came_to_need_it_later_stops_contract_and_purge(world: World) -> None:
    world.submit(DROP)
    world.to(State.SWITCHED)
    world.run("CREATE VIEW late AS SELECT id FROM orders")
    with pytest.raises(Blocked, match="late"):
        world.step()
    world.run("DROP VIEW late")
    world.service.verify("change")
    world.to(State.CONTRACTED)
    parked = world.rows("SELECT relname FROM pg_class WHERE relname LIKE '\\_orch\\_parked%'")[0][0]
    world.run(f"CREATE VIEW later AS SELECT id FROM {parked}")
    with pytest.raises(Blocked, match="later"):
        world.step()
    world.run("DROP VIEW later")
    world.service.verify("change")
    world.to(State.COMPLETED)


def test_undo_never_takes_the_name_from_a_table_that_has_it_now(world: World) -> None:
    world.submit(DROP)
    world.to(State.CONTRACTED)
    world.run("CREATE TABLE orders (other int)")
    world.service.undo("change", reason="it is needed")
    with pytest.raises(OrchError, match='relation "orders" already exists'):
        world.service.advance("change")
    world.run("ALTER TABLE orders RENAME TO others")
    assert world.service.advance("change").state is State.SWITCHED
    assert world.rows("SELECT count(*) FROM orders") == [(300,)]
