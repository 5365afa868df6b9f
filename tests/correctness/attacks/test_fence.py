"""The fence: a worker that was frozen while another took over must not write a row, a shape or a marker when it wakes.

The rule (execution protocol, items 2 and 4): every transaction of ours begins with a test of the fence, on the target itself,
and a session that slept through the bump is refused even if it was connected before.
"""

from __future__ import annotations

import pytest

from orchestrator.core.catalog import TableName
from orchestrator.core.ports import ConnectionLost, Fenced, Mark
from orchestrator.core.step import AddColumn, Backfill
from orchestrator.core.sync import Argument
from orchestrator.dialects.postgres.target import PostgresTarget
from tests.support.changes import Bench


def test_a_worker_that_slept_through_a_takeover_writes_nothing(bench: Bench) -> None:
    bench.run("CREATE TABLE t (id int PRIMARY KEY, a text, b text)", "INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    table, change, target = TableName(bench.schema, "t"), bench.schema, PostgresTarget("shop", bench.url)
    fill = Backfill(table, "b", (Argument("id", "integer"),), "s", source="a")
    mark = Mark(change, f"{change}:1", 1, 1, "0" * 64)
    target.raise_fence(change, 1, 5)
    with target.session(change, 1, 1) as zombie:
        (cursor,) = zombie.begin_backfill(fill, mark)
        bench.run(f"UPDATE orch_target.fence SET fence = 2 WHERE change_id = '{change}'")
        for act in (
            lambda: zombie.batch(fill, mark, cursor),
            lambda: zombie.mop_up(fill, mark, cursor),
            lambda: zombie.end_backfill(fill, mark, cursor),
            lambda: zombie.apply(AddColumn(table, "c", "text"), mark),
            lambda: zombie.undo(AddColumn(table, "a", "text"), mark),
        ):
            with pytest.raises(Fenced):
                act()
    with pytest.raises(Fenced):
        target.raise_fence(change, 1, 5)
    assert bench.rows("SELECT * FROM t ORDER BY id") == [(1, "a", None), (2, "b", None)]
    assert bench.rows(f"SELECT done_at, cursor FROM orch_target.marker WHERE step_id = '{mark.step_id}'") == [
        (None, list(cursor.position or ()))
    ]


def test_a_takeover_ends_the_sessions_of_the_older_worker_and_no_other(bench: Bench) -> None:
    target, change = PostgresTarget("shop", bench.url), bench.schema
    target.raise_fence(change, 1, 5)
    with target.session(change, 1, 1) as old, target.session(change + "x", 1, 1) as other:
        ended = target.raise_fence(change, 2, 5)
        assert len(ended) == 1
        with pytest.raises(ConnectionLost):
            old.rows("SELECT 1")
        assert other.rows("SELECT 1") == [(1,)]
    with target.session(change, 2, 1) as new:
        assert new.rows("SELECT 1") == [(1,)]
