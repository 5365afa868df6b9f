"""A column renamed by views: nothing is copied, and no version sees an error, whatever hangs on the column."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from orchestrator.core.catalog import TableName
from orchestrator.core.errors import Blocked, OrchError, PlanRefused
from orchestrator.dialects.postgres import bytext
from state.model import State
from tests.service.world import QUICK, World, source

RENAME = "rename_column: {table: orders, column: email, to: address}"
BY_VIEWS = QUICK + "switch_reads: {by: views, in_schema: shop_2}\n"


def _refused(world: World, *operations: str, more: str = BY_VIEWS) -> str:
    with pytest.raises(PlanRefused) as found:
        world.service.plan(source(*operations or (RENAME,), more=more), "c.yaml")
    return f"{found.value.message}: {found.value}"


@contextmanager
def _version(world: World, path: str, role: str | None = None) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(world.url, autocommit=True) as link:
        link.execute(f"SET search_path = {path}".encode())
        if role is not None:
            link.execute(f"SET ROLE {role}".encode())
        link.prepare_threshold = 0
        yield link


def test_the_schema_is_named_after_the_change(module_world: World) -> None:
    plan = module_world.service.plan(
        source(RENAME, change="9-to-5", more=QUICK + "switch_reads: {by: views}\n"), "c.yaml"
    )
    assert plan.steps[0].sql[0] == 'CREATE SCHEMA "9_to_5"'
    assert not any(step.rewrites or step.scans or step.phase == "backfill" for step in plan.steps)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("column: email, to: note", "already has a column 'note'"),
        ("column: emial, to: x", "has no column 'emial'"),
    ],
)
def test_names_that_cannot_be_are_refused(module_world: World, asked: str, words: str) -> None:
    assert words in _refused(module_world, f"rename_column: {{table: orders, {asked}}}")


def test_views_that_nothing_makes_are_refused(module_world: World) -> None:
    assert "no operation of the change makes one" in _refused(module_world, "set_comment: {table: orders, comment: x}")


@pytest.mark.parametrize(
    "other",
    ["add_column: {table: orders, column: x, type: int}", "drop_column: {table: orders, column: ticket}",
     "add_check: {table: orders, check: \"email <> ''\", name: some}",
     "rename_column: {table: orders, column: note, to: address}",
     "rename_table: {table: orders, to: purchases}"],
)  # fmt: skip
def test_what_would_not_fit_the_view_goes_into_another_change(module_world: World, other: str) -> None:
    assert "put them into two changes" in _refused(module_world, RENAME, other)


@pytest.mark.parametrize(
    ("setup", "words"),
    [
        ("CREATE SCHEMA shop_2", "in_schema: …"),
        ("CREATE PUBLICATION p FOR TABLE orders", "replication finds a column by its name"),
        ("CREATE TABLE heirs () INHERITS (orders)", "takes part in inheritance"),
        (
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.email := lower(NEW.email); RETURN NEW; END $$;"
            "CREATE TRIGGER g BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION f()",
            "f() names email in its text",
        ),
        (
            "CREATE TABLE log (x text);"
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE orders SET \"email\" = '';"
            " RETURN NEW; END $$;"
            "CREATE TRIGGER g BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION f()",
            "writes would fail at contract",
        ),
    ],
)  # fmt: skip
def test_what_stands_in_the_way_is_refused(world: World, setup: str, words: str) -> None:
    world.run(setup)
    assert words in _refused(world)


def test_a_typed_table_is_refused(world: World) -> None:
    world.run("CREATE TYPE paper AS (id int, email text)", "CREATE TABLE papers OF paper")
    assert "is made of a type" in _refused(world, "rename_column: {table: papers, column: email, to: x}")


def test_a_second_change_by_views_waits_for_the_first(world: World) -> None:
    """Each would end in the names of its own view only."""
    world.submit(RENAME, more=BY_VIEWS)
    world.to(State.BACKFILLED)
    more = QUICK + "switch_reads: {by: views, in_schema: shop_3}\n"
    assert "another change is under way" in _refused(
        world, "rename_column: {table: orders, column: note, to: x}", more=more
    )


def test_a_trigger_that_finds_the_name_at_run_time_is_let_through(world: World) -> None:
    world.run(
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " NEW.note := coalesce(to_jsonb(NEW) ->> 'email', to_jsonb(NEW) ->> 'address'); -- email\n RETURN NEW; END $$",
        "CREATE TRIGGER g BEFORE INSERT OR UPDATE OF email ON orders FOR EACH ROW EXECUTE FUNCTION f()",
    )
    assert any(
        "f() name orders and email" in note for note in world.service.plan(source(RENAME, more=BY_VIEWS), "c").notes
    )
    world.submit(RENAME, more=BY_VIEWS)
    world.to(State.CONTRACTED)
    with _version(world, "shop_2, public") as new:
        row = new.execute("INSERT INTO orders (address, quantity) VALUES ('me', 1) RETURNING note").fetchone()
    assert row == ("me",)


@pytest.mark.parametrize(
    ("text", "numbered", "around"),
    [
        ("COPY orders (id) FROM STDIN", False, True),
        ("COPY public.orders FROM STDIN", False, True),
        ("COPY other.orders FROM STDIN", False, False),
        ("COPY orders TO STDOUT", False, False),
        ("COPY (SELECT * FROM orders) TO STDOUT", False, False),
        ("SELECT pg_get_serial_sequence($1, $2)", True, True),
        ("SELECT pg_get_serial_sequence($1, $2)", False, False),
        ("SELECT setval(pg_get_serial_sequence('public.\"orders\"', 'id'), max(id)) FROM orders", True, True),
        ("SELECT pg_get_serial_sequence('letters', 'id')", True, False),
        ("not a statement", True, False),
    ],
)
def test_statements_that_go_around_a_view(text: str, numbered: bool, around: bool) -> None:
    assert bytext.goes_around(text, TableName("public", "orders"), numbered=numbered) is around


def test_statements_seen_by_the_server_are_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = ("COPY orders FROM STDIN", "SELECT 1")
    monkeypatch.setattr(bytext, "statements", lambda _: (seen, True))
    told = _refused(world)
    assert "would not take: COPY orders FROM STDIN" in told
    assert "pg_stat_statements_reset" in told
    monkeypatch.setattr(bytext, "statements", lambda _: (seen[1:], True))
    assert not any("does not tell" in note for note in world.service.plan(source(RENAME, more=BY_VIEWS), "c").notes)


def test_unasked_statistics_are_said_to_be_unasked(module_world: World) -> None:
    plan = module_world.service.plan(source(RENAME, more=BY_VIEWS), "c.yaml")
    assert any("does not tell whether a version sends COPY" in note for note in plan.notes)


def test_upserts_of_both_versions_meet_in_one_unique_index(world: World) -> None:
    """By copy there would be two, and each version's upserts would fail on the other's (F19)."""
    world.run("TRUNCATE orders", "ALTER TABLE orders ADD CONSTRAINT only_one UNIQUE (email)")
    world.submit(RENAME, more=BY_VIEWS)
    failures: list[str] = []
    sent: list[str] = []
    over = threading.Event()
    with _versions_upserting(world, over, failures, sent):
        for state in (State.BACKFILLED, State.SWITCHED):
            world.to(state)
    assert not failures
    assert min(sent.count("email"), sent.count("address")) > 10
    assert world.rows("SELECT count(DISTINCT email) = count(*), max(quantity) > 1 FROM orders") == [(True, True)]


@contextmanager
def _versions_upserting(world: World, over: threading.Event, failures: list[str], sent: list[str]) -> Iterator[None]:
    paths = {"email": "public", "address": "shop_2, public"}

    def upsert(column: str) -> None:
        query = (
            f"INSERT INTO orders ({column}, quantity) VALUES (%s, 1)"
            f" ON CONFLICT ({column}) DO UPDATE SET quantity = orders.quantity + 1 RETURNING {column}, id"
        )
        with _version(world, paths[column]) as link:
            number = 0
            while not over.is_set():
                number += 1
                if column == "address" and not world.rows(
                    "SELECT FROM pg_class WHERE relname = 'orders' AND relkind = 'v'"
                ):
                    continue
                try:
                    link.execute(query.encode(), [f"e{number % 7}"])
                    sent.append(column)
                except psycopg.Error as error:
                    failures.append(f"{column}: {error!r}")

    threads = [threading.Thread(target=upsert, args=(column,)) for column in paths for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
        over.wait(1)
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_prepared_statements_of_the_new_version_live_from_expand_past_the_purge(world: World) -> None:
    """They name a view first and the table in the end, and their rows are of the same shape all along."""
    world.submit(RENAME, more=BY_VIEWS)
    world.to(State.BACKFILLED)
    seen = []
    with _version(world, "shop_2, public") as new:

        def work() -> None:
            new.execute("INSERT INTO orders (address, quantity) VALUES (%s, %s)", ["e", 1])
            new.execute("UPDATE orders SET note = 'x' WHERE address = %s RETURNING *", ["e"])
            rows = new.execute("SELECT * FROM orders")
            seen.append(([column.name for column in rows.description or ()], len(rows.fetchall())))

        work()
        for state in (State.SWITCHED, State.CONTRACTED):
            world.to(state)
            work()
        world.service.undo("change", reason="old versions are back")
        world.service.advance("change")
        work()
        assert world.rows("SELECT count(*) FROM orders WHERE email = 'e'") == [(4,)]
        world.to(State.COMPLETED)
        work()
    assert seen == [(["id", "address", "status", "quantity", "note", "ticket"], 301 + n) for n in range(5)]
    assert world.rows("SELECT FROM pg_namespace WHERE nspname = 'shop_2'") == []


_STATEMENTS = (
    "SELECT id, {c} FROM orders",
    "SELECT quantity FROM orders",
    "INSERT INTO orders ({c}, quantity) VALUES ('e', 1)",
    "INSERT INTO orders ({c}, quantity) VALUES ('e', 9)",
    "UPDATE orders SET note = 'x' WHERE id = 1",
    "UPDATE orders SET {c} = 'x' WHERE id = 1",
    "DELETE FROM orders",
)


def _asked(world: World, role: str, path: str, column: str) -> list[str]:
    found = []
    for statement in _STATEMENTS:
        with _version(world, path, role) as link:
            try:
                link.execute(statement.format(c=column).encode())
                found.append("")
            except psycopg.Error as error:
                found.append(error.sqlstate or "")
    return found


def test_the_view_gives_nobody_more_or_less_than_the_table(world: World) -> None:
    world.run(
        "GRANT INSERT ON orders TO pg_monitor",
        "GRANT SELECT (id, email), UPDATE (note) ON orders TO pg_monitor",
        "ALTER TABLE orders OWNER TO pg_read_all_stats",
        "ALTER TABLE orders ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "CREATE POLICY p ON orders USING (id <= 100) WITH CHECK (quantity < 5)",
    )
    world.submit(RENAME, more=BY_VIEWS)
    world.to(State.SWITCHED)
    for role in ("pg_monitor", "pg_read_all_settings", "pg_read_all_stats"):
        assert _asked(world, role, "public", "email") == _asked(world, role, "shop_2, public", "address"), role
    assert _asked(world, "pg_monitor", "shop_2, public", "address")[0] == ""
    assert _asked(world, "pg_read_all_stats", "shop_2, public", "address")[2:4] == ["", "42501"]


def test_a_late_dependent_stops_the_purge_before_it_begins(world: World) -> None:
    world.submit(RENAME, more=BY_VIEWS)
    world.to(State.CONTRACTED)
    world.run("CREATE VIEW late AS SELECT id FROM shop_2.orders", "CREATE TABLE shop_2.mine ()")
    with pytest.raises(OrchError, match="late"):
        world.step()
    world.run("DROP VIEW late")
    world.service.verify("change")
    with pytest.raises(OrchError, match=r"shop_2\.mine"):
        world.step()
    assert world.service.status("change").state is State.CONTRACTED
    world.run("DROP TABLE shop_2.mine")
    world.service.verify("change")
    world.to(State.COMPLETED)


def test_a_name_that_the_table_lost_meanwhile_stops_the_purge(world: World) -> None:
    """Behind the view the versions still find it; without the view they would not."""
    world.submit(RENAME, more=BY_VIEWS)
    world.to(State.CONTRACTED)
    world.run("ALTER TABLE orders RENAME note TO remark")
    with pytest.raises(Blocked, match=r"columns of shop_2\.orders are none of public\.orders"):
        world.step()
    world.run("ALTER TABLE orders RENAME remark TO note")
    world.service.verify("change")
    world.to(State.COMPLETED)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ("drop_column: {table: orders, column: note}", "orders.note"),
        ("change_type: {table: orders, column: quantity, to: amount, type: bigint}", "orders.quantity"),
    ],
)
def test_no_other_change_takes_a_column_from_below_the_view(world: World, other: str, words: str) -> None:
    """Which of them is submitted first does not matter."""
    world.submit(RENAME, more=BY_VIEWS)
    world.to(State.BACKFILLED)
    with pytest.raises(OrchError, match=words):
        world.submit(other, change="other")
    world.abort()
    world.submit(other, change="other")
    with pytest.raises(OrchError, match=f"both need public.{words}"):
        world.submit(RENAME, change="again", more=BY_VIEWS)


@pytest.mark.parametrize("park", ["1h", "0s"])
def test_columns_of_several_tables_are_renamed_in_one_schema(world: World, park: str) -> None:
    """It goes when the last of its views has gone."""
    world.run("CREATE TABLE letters (id int PRIMARY KEY, receiver text)")
    more = BY_VIEWS.replace(", purge: {approvals: 0, soak: 0s}", "") + "park: 0\n" if park == "0s" else BY_VIEWS
    letters = "rename_column: {table: letters, column: receiver, to: addressee}"
    world.submit(RENAME, letters, "rename_column: {table: orders, column: note, to: remark}", more=more)
    world.to(State.SWITCHED)
    with _version(world, "shop_2, public") as new:
        query = "SELECT address, remark, addressee FROM orders LEFT JOIN letters USING (id)"
        assert len(new.execute(query.encode()).fetchall()) == 300
        world.to(State.COMPLETED)
        assert len(new.execute(query.encode()).fetchall()) == 300
    assert world.rows("SELECT FROM pg_namespace WHERE nspname = 'shop_2'") == []


def test_what_leaves_the_names_alone_may_go_on_beside_it(world: World) -> None:
    world.submit(RENAME, more=BY_VIEWS)
    world.to(State.BACKFILLED)
    world.submit("add_index: {table: orders, columns: [note], name: by_note}", change="other")
    world.to(State.COMPLETED, "other")
    assert world.service.status("change").state is State.BACKFILLED
    world.to(State.COMPLETED)
    assert world.rows("SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_note'::regclass") == [(True,)]
