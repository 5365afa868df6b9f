"""F12: with asynchronous commits, "done" must not survive a crash that the rows did not.

In the field batches and the marker's done_at were committed asynchronously, the Registry (another server) was told "done", the
server died, and 100 of 100 rows were unfilled. The rule: rows and cursor move in one transaction, so a crash takes both or
neither; done_at is committed synchronously, which takes everything before it along; a gate looks at all earlier steps again.

The Registry is left out here (its own commits would flush the log and hide the loss): a session fills as the engine does.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from orchestrator import embedded
from orchestrator.core.catalog import TableName
from orchestrator.core.ports import Cursor, Mark, Seen
from orchestrator.core.step import AddColumn, Backfill
from orchestrator.core.sync import Argument
from orchestrator.dialects.postgres.target import PostgresTarget
from orchestrator.embedded import Server
from tests.support.server import bin_dir

TABLE = TableName("public", "t")
STEP = Backfill(TABLE, "b", (Argument("id", "integer"),), "s", source="a", batch_rows=100)
COLUMN = AddColumn(TABLE, "c", "text")
SLOW_TO_FLUSH = {"synchronous_commit": "off", "wal_writer_delay": "10s", "fsync": "off", "autovacuum": "off"}


@pytest.fixture(scope="module")
def fragile() -> Iterator[Server]:
    """A server whose commits reach the disk late."""
    with embedded.running(settings=SLOW_TO_FLUSH, bin_dir=bin_dir()) as server:
        yield server


@pytest.fixture
def url(fragile: Server, request: pytest.FixtureRequest) -> str:
    """A table whose column is to be filled, durable so far."""
    url = embedded.create_database(fragile, f"crash_{abs(hash(request.node.name))}")
    with psycopg.connect(url, autocommit=True) as link:
        link.execute("CREATE TABLE t (id int PRIMARY KEY, a text, b text)")
        link.execute("INSERT INTO t SELECT i, 'a' || i FROM generate_series(1, 300) i")
        PostgresTarget("shop", url).bootstrap()
        link.execute("CHECKPOINT")
    return url


def _mark(fence: int) -> Mark:
    return Mark("c", "c:1", 1, fence, "0" * 64)


def _fill(url: str, fence: int, *, batches: int, finish: bool) -> None:
    target, mark = PostgresTarget("shop", url), _mark(fence)
    target.raise_fence("c", fence, 5)
    with target.session("c", fence, 1) as session:
        (cursor,) = session.begin_backfill(STEP, mark)
        for _ in range(batches):
            cursor = session.batch(STEP, mark, cursor)
        while finish and not cursor.ended:
            cursor = session.mop_up(STEP, mark, cursor)
        if finish:
            session.end_backfill(STEP, mark, cursor)


def _stands(url: str, fence: int) -> tuple[Cursor, Seen, int]:
    """The stored cursor, what is observed, and how many rows are filled."""
    target = PostgresTarget("shop", url)
    target.raise_fence("c", fence, 5)
    with target.session("c", fence, 1) as session, psycopg.connect(url) as link:
        (cursor,), seen = session.begin_backfill(STEP, _mark(fence)), session.observe(STEP, "c:1").seen
        (filled,) = link.execute("SELECT count(b) FROM t").fetchone() or (0,)
        return cursor, seen, filled


def _places(url: str) -> list[tuple[int, int]]:
    """Page and place within it of every row."""
    with psycopg.connect(url) as link:
        found = link.execute("SELECT (ctid::text::point)[0]::int, (ctid::text::point)[1]::int FROM t").fetchall()
    return [(page, place) for page, place in found]


def _left_behind(cursor: Cursor, places: list[tuple[int, int]]) -> int:
    """How many of the rows, by where they lay at the beginning, the cursor says are filled: windows, and stripes of one."""
    start, to, stripes, stripe = map(int, (cursor.position or ())[5:])
    whole = sum(page < start for page, _ in places)
    return whole + sum(start <= page < to and place % max(stripes, 1) < stripe for page, place in places)


def test_right_after_done_nothing_is_lost(fragile: Server, url: str) -> None:
    _fill(url, 1, batches=4, finish=True)
    embedded.restart(fragile, "immediate")
    _, seen, filled = _stands(url, 2)
    assert (seen, filled) == (Seen.DONE, 300)


@pytest.mark.parametrize("batches", [1, 3])
def test_right_after_a_batch_cursor_and_rows_agree(fragile: Server, url: str, batches: int) -> None:
    places = _places(url)
    _fill(url, 1, batches=batches, finish=False)
    embedded.restart(fragile, "immediate")
    cursor, seen, filled = _stands(url, 2)
    assert seen is Seen.ABSENT
    assert _left_behind(cursor, places) == filled
    _fill(url, 3, batches=8, finish=True)
    assert _stands(url, 4)[1:] == (Seen.DONE, 300)


def test_a_step_lost_in_a_crash_is_seen_as_absent_not_as_done(fragile: Server, url: str) -> None:
    target, mark = PostgresTarget("shop", url), _mark(1)
    target.raise_fence("c", 1, 5)
    with target.session("c", 1, 1) as session:
        session.apply(COLUMN, mark)
    embedded.restart(fragile, "immediate")
    with target.session("c", 1, 1) as session, psycopg.connect(url) as link:
        stands = link.execute("SELECT count(*) FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'c'")
        assert session.observe(COLUMN, mark.step_id).seen is (Seen.DONE if stands.fetchone() == (1,) else Seen.ABSENT)
