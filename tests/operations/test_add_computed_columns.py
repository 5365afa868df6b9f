"""Identity columns are numbered while applications write; generated ones come where that blocks nobody for long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from orchestrator.core.errors import Invalid, OrchError, PlanRefused
from state.model import State
from tests.service.world import World, source

NUMBER = "add_column: {table: orders, column: number, type: bigint, identity: always}"


def _column(rest: str) -> str:
    return f"add_column: {{table: orders, column: fresh, {rest}}}"


def _refused(world: World, rest: str) -> str:
    with pytest.raises(PlanRefused) as found:
        world.service.plan(source(_column(rest)), "c.yaml")
    return str(found.value)


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("type: text, identity: always", "identity column type must be smallint, integer, or bigint"),
        ("type: nosuch, identity: always", "type 'nosuch' does not exist"),
        ("type: text, generated: now()::text", "depends on the clock"),
        ("type: text, generated: \"to_char('2020-01-01'::timestamptz, 'YYYY')\"", "generation expression is not immutable"),
        ("type: text, generated: nosuch", "does not exist"),
        ("type: text, generated: \"note) STORED, ADD other int; DROP TABLE orders; --\"", "fresh of public.orders"),
        ("type: \"text); DROP TABLE orders; --\", identity: always", "does not exist"),
        ("type: \"int; COMMIT; DROP TABLE public.orders; --\", identity: always", "does not exist"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_when_planned(module_world: World, rest: str, words: str) -> None:
    assert words in _refused(module_world, rest)
    assert module_world.rows("SELECT count(*) FROM orders") == [(300,)]


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("type: int, identity: always, default: '1'", "default and identity exclude each other"),
        ("type: int, generated: '1', fill: '1'", "fill and generated exclude each other"),
        ("type: int, identity: sometimes", "identity: input should be 'always' or 'by default'"),
        ("type: int, virtual: true", "say what generates it"),
        ("type: int, identity: always, not_null: true", "leave out not_null"),
    ],
)
def test_what_excludes_each_other_is_said(module_world: World, rest: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        module_world.service.plan(source(_column(rest)), "c.yaml")


def test_a_stored_column_is_refused_on_a_table_that_is_not_tiny(world: World) -> None:
    world.run("INSERT INTO orders (email, quantity) SELECT 'e', 1 FROM generate_series(1, 900) i", "ANALYZE orders")
    assert "virtual: true (PostgreSQL 18)" in _refused(world, "type: text, generated: lower(note)")


def test_a_table_that_grew_is_not_rewritten(world: World) -> None:
    world.submit(_column("type: text, generated: lower(note)"))
    world.run("INSERT INTO orders (email, quantity) SELECT 'e', 1 FROM generate_series(1, 900) i")
    before = world.rows("SELECT pg_relation_filenode('orders')")
    with pytest.raises(OrchError, match="more than 1000 rows by now"):
        world.step()
    assert world.rows("SELECT pg_relation_filenode('orders')") == before


def test_a_virtual_column_is_added_to_any_table(world: World) -> None:
    (found,) = world.rows("SELECT current_setting('server_version_num')::int >= 180000")
    if found != (True,):
        assert "before PostgreSQL 18" in _refused(world, "type: text, generated: lower(note), virtual: true")
        return
    world.run("INSERT INTO orders (email, quantity) SELECT 'e', 1 FROM generate_series(1, 2000) i", "ANALYZE orders")
    before = world.rows("SELECT pg_relation_filenode('orders')")
    world.submit(_column("type: text, generated: \"upper(note) || '!' -- loud\", virtual: true"))
    world.to(State.COMPLETED)
    assert world.rows("SELECT pg_relation_filenode('orders')") == before
    assert world.rows("SELECT fresh FROM orders WHERE id = 2") == [("N!",)]


def test_every_row_gets_one_number_while_applications_write(world: World) -> None:
    """As a role that may use the table and nothing else; the sequence goes on behind the last number given."""
    world.run("GRANT ALL ON orders TO pg_monitor", "ALTER TABLE orders ALTER ticket DROP NOT NULL")
    filenode = world.rows("SELECT pg_relation_filenode('orders')")
    world.submit(NUMBER)
    failures: list[str] = []
    with _inserting(world, failures):
        world.to(State.COMPLETED)
    assert not failures
    assert world.rows("SELECT pg_relation_filenode('orders')") == filenode
    query = "SELECT count(*) > 310, count(*) = count(DISTINCT number), min(number) FROM orders"
    assert world.rows(query) == [(True, True, 1)]
    last = (
        "SELECT pg_sequence_last_value(pg_get_serial_sequence('orders', 'number')::regclass) >= max(number) FROM orders"
    )
    assert world.rows(last) == [(True,)]
    assert world.rows("SELECT attidentity::text, attnotnull FROM pg_attribute WHERE attname = 'number'") == [
        ("a", True)
    ]
    assert world.rows("SELECT relname FROM pg_class WHERE relkind = 'S' AND relname ~ 'number'") == [
        ("orders_number_seq",)
    ]


@contextmanager
def _inserting(world: World, failures: list[str]) -> Iterator[None]:
    over = threading.Event()

    def insert() -> None:
        with psycopg.connect(world.url, autocommit=True) as link:
            link.prepare_threshold = 0
            link.execute("SET ROLE pg_monitor")
            while not over.wait(0.01):
                try:
                    link.execute("INSERT INTO orders (email, quantity) VALUES (%s, %s)", ["e", 1])
                except psycopg.Error as error:
                    failures.append(repr(error))

    threads = [threading.Thread(target=insert) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
        over.wait(0.5)
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_an_abort_leaves_neither_column_nor_sequence(world: World) -> None:
    before = world.seen()
    world.submit(NUMBER, "add_check: {table: orders, check: ticket >= 0, name: some}")
    world.step()
    world.to(State.SWITCHED)
    assert world.abort().state is State.ABORTED
    assert world.seen() == before
    assert world.rows("SELECT count(*) FROM pg_class WHERE relkind = 'S' AND relname ~ 'number'") == [(0,)]
