"""F25: a held snapshot keeps every version of the marker's row; batches must not slow down with their number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from orchestrator.core.catalog import TableName
from orchestrator.core.ports import Cursor, Mark, Seen, Session
from orchestrator.core.step import Backfill
from orchestrator.core.sync import Argument
from orchestrator.dialects.postgres import backfill
from orchestrator.dialects.postgres.target import PostgresTarget
from tests.support.release import Release

STEP = Backfill(TableName("public", "t"), "st", (Argument("id", "bigint"),), "s", source="email", batch_rows=1)
MARK = Mark("change", "change:1", 1, 1, "sha")


@dataclass
class Filling:
    """A backfill by hand, one row a batch, while somebody holds a snapshot."""

    release: Release
    session: Session
    cursor: Cursor

    def go(self, batches: int) -> None:
        for _ in range(batches):
            self.cursor = self.session.batch(STEP, MARK, self.cursor)

    @property
    def pages_read(self) -> int:
        """Buffers touched by whoever looks the marker up by its key, which is what a batch does."""
        query = (
            "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON, TIMING OFF) SELECT cursor FROM orch_target.marker"
            f" WHERE step_id = 'change:1' AND lane = 0 AND turn = {self.cursor.turn}"
        )
        with psycopg.connect(self.release.url, autocommit=True) as link:
            link.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
            (row,) = link.execute(query.encode()).fetchall()
        plan: dict[str, Any] = row[0][0]["Plan"]
        assert plan["Node Type"] in ("Index Scan", "Index Only Scan")
        return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])

    def stored(self) -> list[tuple[object, ...]]:
        return self.release.rows("SELECT turn, cursor, rows_done, passed, done_at IS NOT NULL FROM orch_target.marker")


@pytest.fixture
def filling(release: Release) -> Iterator[Filling]:
    release.run(
        "ALTER TABLE t ALTER st DROP DEFAULT", "INSERT INTO t (email) SELECT 'e' || i FROM generate_series(1, 1500) i"
    )
    target = PostgresTarget("t", release.url)
    target.raise_fence("change", 1, 5)
    with psycopg.connect(release.url) as holder, target.session("change", 1, 1) as session:
        holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        holder.execute("SELECT count(*) FROM t")
        yield Filling(release, session, *session.begin_backfill(STEP, MARK))


def test_one_row_gets_ever_more_to_read_through(filling: Filling) -> None:
    """What the rotation is for; without it the other test would show nothing."""
    filling.go(200)
    early = filling.pages_read
    filling.go(1200)
    assert filling.cursor.turn == 0
    assert filling.pages_read > 3 * early


def test_a_rotated_marker_stays_as_cheap_as_it_was(filling: Filling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "ROTATE_EVERY", 100)
    filling.go(100)
    early = filling.pages_read
    filling.go(1299)
    known = filling.cursor.rows
    filling.go(1)
    assert filling.cursor.turn == 13
    assert filling.pages_read <= early + 3
    assert filling.stored() == [(13, list(filling.cursor.position or ()), known, False, False)]
    assert known > 900


def test_nothing_is_lost_over_a_rotation_nor_by_beginning_again(
    filling: Filling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "ROTATE_EVERY", 7)
    filling.go(23)
    position = filling.cursor.position
    (filling.cursor,) = filling.session.begin_backfill(STEP, MARK)
    assert (filling.cursor.position, filling.cursor.turn) == (position, 2)
    filling.go(1)
    assert filling.cursor.turn == 3  # a process that is killed ever again would else never get there
    while not filling.cursor.done:
        filling.go(1)
    while not filling.cursor.ended:
        filling.cursor = filling.session.mop_up(STEP, MARK, filling.cursor)
    assert filling.session.observe(STEP, MARK.step_id).seen is Seen.ABSENT
    filling.session.end_backfill(STEP, MARK, filling.cursor)
    assert filling.session.observe(STEP, MARK.step_id).seen is Seen.DONE
    ((turn, *_, passed, done),) = filling.stored()
    assert (turn, passed, done) == (filling.cursor.turn, True, True)
    assert filling.session.begin_backfill(STEP, MARK)[0].ended
    assert filling.release.rows("SELECT count(*) FROM t WHERE st IS DISTINCT FROM email") == [(0,)]


def test_a_marker_of_an_older_orch_is_taken_over(release: Release) -> None:
    release.run(
        "ALTER TABLE orch_target.marker DROP CONSTRAINT marker_pkey",
        "ALTER TABLE orch_target.marker DROP COLUMN turn",
        "ALTER TABLE orch_target.marker ADD CONSTRAINT marker_pkey PRIMARY KEY (step_id, lane)",
        "INSERT INTO orch_target.marker (step_id, fence, plan_sha256, cursor) VALUES ('change:1', 1, 'sha', '{5}')",
    )
    target = PostgresTarget("t", release.url)
    target.bootstrap()
    target.bootstrap()
    target.raise_fence("change", 1, 5)
    with target.session("change", 1, 1) as session:
        (cursor,) = session.begin_backfill(STEP, MARK)
        assert cursor.position is not None  # what an older one counted in is not known here: the walk begins anew
        assert (cursor.rows, cursor.done) == (0, False)
        assert session.batch(STEP, MARK, cursor).done  # the table is empty
