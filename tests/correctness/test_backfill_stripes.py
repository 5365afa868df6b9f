"""Stripes do what they are for, on a real server: rows stay where they are; and where they cannot, it is said and they end.

The server is this file's own: a transaction that is open in any database of a server, as other tests have them, keeps what was
replaced from being tidied up in all of them.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator

import psycopg
import pytest

from orchestrator.core import batching
from orchestrator.core.progress import Progress
from orchestrator.dialects.postgres.session import PostgresSession
from orchestrator.embedded import Server
from state.model import State
from tests.support.release import Release, released
from tests.support.server import shared_server

_numbers = itertools.count(1)
PAGES = "SELECT pg_relation_size('k') / 8192"
MOVED = "SELECT count(*) FROM k JOIN places USING (id) WHERE (k.ctid::text::point)[0] <> page"


@pytest.fixture(scope="module")
def alone() -> Iterator[Server]:
    """A server on which nobody else has anything open."""
    with shared_server(uuid.uuid4().hex) as server:
        yield server


@pytest.fixture
def release(alone: Server) -> Iterator[Release]:
    name = f"stripes_{next(_numbers)}"
    with psycopg.connect(alone.url(), autocommit=True) as link:
        link.execute(f"CREATE DATABASE {name}".encode())
    found = released(alone.url(name))
    with found.service:
        yield found


@pytest.fixture
def table(release: Release) -> Release:
    """A table of full pages and with indexes, and where each row lies."""
    release.run(
        "CREATE TABLE k (id bigint PRIMARY KEY, email text, a int, b int, c text)",
        "INSERT INTO k SELECT i, 'e' || i, i, -i, repeat('x', 60) FROM generate_series(1, 6000) i",
        "CREATE INDEX ON k (a)",
        "CREATE INDEX ON k (b)",
        "CREATE TABLE places AS SELECT id, (ctid::text::point)[0] AS page FROM k",
    )
    release.submit("rename_column: {table: k, column: email, to: mail}", more="backfill: {batch_rows: 300}\n")
    release.to(State.EXPANDED)
    return release


def _filled(release: Release) -> tuple[float, float, list[str]]:
    """The share of rows that moved to another page, the growth of the table, and what was said about stripes."""
    said: list[str] = []

    def listen(progress: Progress) -> None:
        if progress.kind == "backfill.plain":
            said.append(progress.message)

    ((before,),) = release.rows(PAGES)
    release.to(State.BACKFILLED, listen=listen)
    ((after,),) = release.rows(PAGES)
    ((moved,),) = release.rows(MOVED)
    assert release.rows("SELECT count(*) FROM k WHERE mail IS DISTINCT FROM email") == [(0,)]
    return float(str(moved)) / 6000, float(str(after)) / float(str(before)), said


def test_most_rows_are_updated_in_place(table: Release) -> None:
    moved, growth, said = _filled(table)
    assert moved < 0.3
    assert growth < 1.35
    assert said == []


def test_without_stripes_every_row_would_move(table: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the other test would show if stripes did nothing."""
    monkeypatch.setattr(batching, "MANY", 1)
    moved, growth, _ = _filled(table)
    assert moved > 0.9
    assert growth > 1.8


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "in another database"])
def test_under_a_held_snapshot_stripes_end_with_the_reason(table: Release, alone: Server, elsewhere: bool) -> None:
    with psycopg.connect(alone.url() if elsewhere else table.url) as holder:
        holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        holder.execute("SELECT pg_current_xact_id()")
        moved, _, said = _filled(table)
    assert moved > 0.9
    assert len(said) == 1
    assert "without stripes" in said[0]
    assert "snapshot" in said[0]


def test_a_table_that_is_no_heap_goes_by_its_key(release: Release) -> None:
    release.run(
        "CREATE ACCESS METHOD other TYPE TABLE HANDLER heap_tableam_handler",
        "CREATE TABLE k (x int, y text, email text, PRIMARY KEY (x, y)) USING other",
        "INSERT INTO k SELECT i % 7 - 3, 'k' || i, 'e' || i FROM generate_series(1, 1000) i",
    )
    release.submit("rename_column: {table: k, column: email, to: mail}", more="backfill: {batch_rows: 90}\n")
    release.to(State.EXPANDED)
    seen: list[int] = []
    release.to(State.BACKFILLED, listen=lambda progress: seen.append(progress.rows_done or 0))
    assert release.rows("SELECT count(*) FROM k WHERE mail IS DISTINCT FROM email") == [(0,)]
    release.service.abort("change", reason="over")
    release.service.advance("change")
    release.run("DROP TABLE k", "DROP ACCESS METHOD other")


def test_a_table_written_anew_meanwhile_is_filled_all_the_same(table: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    original, calls = PostgresSession.batch, []

    def batch(self: PostgresSession, *arguments: object) -> object:
        calls.append(1)
        if len(calls) == 5:
            table.run("VACUUM FULL k")
        return original(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(PostgresSession, "batch", batch)
    table.to(State.BACKFILLED)
    assert table.rows("SELECT count(*) FROM k WHERE mail IS DISTINCT FROM email") == [(0,)]
