"""A renamed table answers to both names from expand to contract, for whoever may use it and nobody else."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from orchestrator.core.errors import OrchError, PlanRefused
from orchestrator.operations._model import beside
from state.model import State
from tests.service.world import World, source

RENAME = "rename_table: {table: orders, to: purchases}"


@pytest.mark.parametrize(
    ("spelled", "expected"),
    [
        ("orders", '"pur""chases"'),
        ("Shop.orders", '"Shop"."pur""chases"'),
        ('"a.b"', '"pur""chases"'),
        ('"S.x"."a.b"', '"S.x"."pur""chases"'),
        ('shop."a"', 'shop."pur""chases"'),
    ],
)
def test_another_name_in_the_same_schema(spelled: str, expected: str) -> None:
    assert beside(spelled, 'pur"chases') == expected


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("table: orders, to: orders_pkey", "public.orders_pkey already"),
        ("table: orders, to: orders", "public.orders already"),
        ("table: nosuch, to: x", "'nosuch' does not exist"),
    ],
)
def test_a_name_that_is_taken_is_refused(module_world: World, asked: str, words: str) -> None:
    with pytest.raises(PlanRefused, match=words):
        module_world.service.plan(source(f"rename_table: {{{asked}}}"), "c.yaml")


@pytest.mark.parametrize(
    "other",
    ["add_column: {table: orders, column: x, type: int}", "create_table: {table: purchases, columns: [{name: x, type: int}]}",
     "rename_table: {table: orders, to: others}"],
)  # fmt: skip
def test_nothing_of_the_same_change_may_touch_it(module_world: World, other: str) -> None:
    with pytest.raises(PlanRefused, match="operations 1 and 2 both change public"):
        module_world.service.plan(source(RENAME, other), "c.yaml")


def test_a_published_table_is_refused(world: World) -> None:
    world.run("CREATE PUBLICATION p FOR TABLE orders")
    with pytest.raises(PlanRefused, match="subscribers find a table by its name"):
        world.service.plan(source(RENAME), "c.yaml")


def _asked(world: World, role: str, statement: str) -> str:
    """The SQLSTATE of a statement by another role."""
    with psycopg.connect(world.url, autocommit=True) as link:
        link.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        try:
            link.execute(statement.encode())
        except psycopg.Error as error:
            return error.sqlstate or ""
    return ""


def test_the_new_name_gives_nobody_more_or_less_than_the_old_one(world: World) -> None:
    world.run(
        "GRANT SELECT, INSERT ON orders TO pg_monitor",
        "GRANT UPDATE (note) ON orders TO pg_monitor",
        "ALTER TABLE orders ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY p ON orders USING (id <= 100) WITH CHECK (quantity < 5)",
    )
    world.submit(RENAME)
    world.to(State.SWITCHED)
    statements = (
        "SELECT id, note FROM {t}",
        "INSERT INTO {t} (email, quantity) VALUES ('e', 1)",
        "INSERT INTO {t} (email, quantity) VALUES ('e', 9)",
        "UPDATE {t} SET note = 'x' WHERE id = 1",
        "UPDATE {t} SET email = 'x' WHERE id = 1",
        "DELETE FROM {t}",
    )
    for role in ("pg_monitor", "pg_read_all_settings"):
        found = {t: [_asked(world, role, each.format(t=t)) for each in statements] for t in ("orders", "purchases")}
        assert found["orders"] == found["purchases"]
    assert _asked(world, "pg_monitor", statements[0].format(t="purchases")) == ""
    with psycopg.connect(world.url) as link:
        link.execute("SET ROLE pg_monitor")
        assert link.execute("SELECT count(*) FROM purchases").fetchone() == (100,)


def test_prepared_statements_live_through_the_trade_of_names_and_back(world: World) -> None:
    """A statement names a view before contract and the table after it; its rows are of the same shape."""
    world.submit(RENAME)
    world.to(State.SWITCHED)
    with psycopg.connect(world.url, autocommit=True) as link:
        link.prepare_threshold = 0

        def read() -> int:
            link.execute("INSERT INTO purchases (email, quantity) VALUES (%s, %s)", ["e", 1])
            return len(link.execute("SELECT * FROM purchases").fetchall())

        rows = [read()]
        world.to(State.CONTRACTED)
        rows.append(read())
        world.service.undo("change", reason="old versions are back")
        world.service.advance("change")
        rows.append(read())
        assert link.execute("SELECT count(*) FROM orders").fetchone() == (rows[-1],)
    assert rows == [301, 302, 303]
    world.to(State.COMPLETED)


def test_what_hangs_on_the_new_name_stops_contract_and_leaves_all_as_it_was(world: World) -> None:
    world.submit(RENAME)
    world.to(State.SWITCHED)
    world.run("CREATE VIEW late AS SELECT id FROM purchases")
    with pytest.raises(OrchError, match="depend"):
        world.step()
    assert world.service.status("change").state is State.SWITCHED
    assert world.rows("SELECT count(*) FROM orders JOIN purchases USING (id)") == [(300,)]
    world.run("DROP VIEW late")
    world.to(State.COMPLETED)
