"""Columns of a partitioned table: rows that move, partitions that come, triggers of one partition, locks of all of them."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from psycopg.sql import Composed

from orchestrator.core.catalog import TableName
from orchestrator.core.errors import Blocked, OrchError, Stale
from orchestrator.core.ports import Mark
from orchestrator.core.step import Backfill
from orchestrator.core.sync import Argument
from orchestrator.dialects.postgres.session import PostgresSession
from orchestrator.dialects.postgres.target import PostgresTarget
from state.model import State
from tests.partitioned.trees import valid
from tests.service.world import World
from tests.support.beside import beside

RENAME = "rename_column: {table: tree, column: note, to: remark}"
RETYPE = "change_type: {table: tree, column: note, to: short, type: varchar(3), up: 'left(note, 3)', down: short}"
SHAPES = "SELECT id, note, {} FROM tree ORDER BY id"


def test_rename_with_index_check_and_not_null(tree: World) -> None:
    tree.run(
        "CREATE INDEX by_note ON tree (note)",
        "ALTER TABLE tree ADD CONSTRAINT short CHECK (length(note) < 100)",
        "ALTER TABLE tree ALTER note SET NOT NULL, ALTER note SET DEFAULT 'none'",
    )
    tree.submit(RENAME)
    tree.to(State.CONTRACTED)
    assert valid(tree)
    tree.service.undo("change", reason="a test says so")
    assert tree.service.advance("change").state is State.SWITCHED
    tree.to(State.COMPLETED)
    assert valid(tree)
    assert tree.rows(
        "SELECT count(*) FROM pg_attribute a JOIN pg_partition_tree('tree') t ON t.relid = a.attrelid"
        " WHERE a.attname = 'remark' AND a.attnotnull"
    ) == [(6,)]
    assert tree.rows("SELECT count(*) FROM tree WHERE remark = 'n' || id") == [(300,)]
    with pytest.raises(psycopg.errors.CheckViolation):
        tree.run("INSERT INTO tree VALUES (1000, 1) ON CONFLICT DO NOTHING; UPDATE tree SET remark = repeat('x', 100)")


MOVES = "UPDATE tree SET place = (place + 11) % 40"
"""Most rows go to another partition, by a statement that names no column of either shape."""


@pytest.mark.parametrize(
    ("operation", "new"), [(RENAME, "remark"), (RETYPE, "short")], ids=["rename_column", "change_type"]
)
def test_a_row_that_moves_keeps_both_shapes(tree: World, operation: str, new: str) -> None:
    """F13: it comes in by INSERT, whose trigger must leave alone what the UPDATE, or a writer long ago, has settled."""
    tree.run("ALTER TABLE tree ALTER note SET DEFAULT 'n1'") if operation is RENAME else None
    tree.submit(operation)
    tree.to(State.BACKFILLED)
    tree.run(
        f"UPDATE tree SET {new} = NULL WHERE id BETWEEN 1 AND 20",
        "UPDATE tree SET note = NULL WHERE id BETWEEN 21 AND 40",
        f"UPDATE tree SET {new} = 'y' WHERE id BETWEEN 41 AND 60",
        "UPDATE tree SET note = 'much longer' WHERE id BETWEEN 61 AND 80",
        f"UPDATE tree SET note = 'both', {new} = 'bot' WHERE id BETWEEN 81 AND 100"
        if operation is RETYPE
        else "SELECT",
        "UPDATE tree SET note = 'n1' WHERE id BETWEEN 101 AND 120",
    )
    before = tree.rows(SHAPES.format(new))
    for _ in range(3):
        tree.run(MOVES)
        assert tree.rows(SHAPES.format(new)) == before
    moved = "UPDATE tree SET place = (place + 11) % 40, {} = {} WHERE id = {}"
    tree.run(moved.format(new, "NULL", 5), moved.format("note", "'zzz'", 6), moved.format(new, "'qq'", 7))
    assert tree.rows(SHAPES.format(new).replace("ORDER", "WHERE id IN (5, 6, 7) ORDER")) == [
        (5, None, None),
        (6, "zzz", "zzz"),
        (7, "qq", "qq"),
    ]
    tree.to(State.COMPLETED)


def test_a_row_that_moves_before_it_was_filled_is_filled(tree: World) -> None:
    tree.submit(RENAME)
    tree.to(State.EXPANDED)
    tree.run(MOVES)
    tree.to(State.BACKFILLED)
    assert tree.rows("SELECT count(*) FROM tree WHERE remark IS DISTINCT FROM note") == [(0,)]


def _backfilled(world: World, key: bool) -> tuple[int, int]:
    """Fill by batches alone; how many there were, and how many rows are left for the mop-up."""
    target = PostgresTarget("shop", world.url)
    target.raise_fence("probe", 1, 5)
    world.run("ALTER TABLE tree ADD COLUMN copy text", "ANALYZE tree")
    keys = (Argument("id", "bigint"), Argument("place", "integer")) if key else ()
    step = Backfill(TableName("public", "tree"), "copy", keys, "none", source="note", batch_rows=100)
    mark = Mark("probe", "probe:1", 1, 1, "0" * 64)
    batches = 0
    done = False
    while not done:
        with target.session(
            "probe", 1, 1
        ) as session:  # as after a crash: the stored cursor alone tells where it stands
            lane = next(cursor for cursor in session.begin_backfill(step, mark) if not cursor.done)
            session.batch(step, mark, lane)
            done = all(cursor.done for cursor in session.begin_backfill(step, mark))
            left = session.left(step)
        batches += 1
    return batches, left


@pytest.mark.parametrize("key", [True, False], ids=["by key", "by pages"])
def test_batches_reach_every_partition(tree: World, key: bool) -> None:
    """A partitioned table has no pages of its own: they are counted partition by partition."""
    tree.run(
        "INSERT INTO tree SELECT i, i % 30, repeat('n', 100) FROM generate_series(1001, 4000) i", "VACUUM ANALYZE tree"
    )
    batches, left = _backfilled(tree, key)
    assert left == 0
    assert 20 < batches < 100


def test_the_mop_up_takes_one_batch_at_a_time(tree: World) -> None:
    """A row's place is one within its partition: the same place of others must not be taken along."""
    tree.run("ALTER TABLE tree ADD COLUMN copy text")
    target = PostgresTarget("shop", tree.url)
    target.raise_fence("probe", 1, 5)
    step = Backfill(TableName("public", "tree"), "copy", (), "none", source="note", batch_rows=10)
    mark = Mark("probe", "probe:1", 1, 1, "0" * 64)
    with target.session("probe", 1, 1) as session:
        cursor, *_ = session.begin_backfill(step, mark)
        passes = 0
        while not cursor.ended:
            before, passes = cursor.rows, passes + 1
            cursor = session.mop_up(step, mark, cursor)
            assert cursor.rows - before <= 10
    assert passes >= 30
    assert tree.rows("SELECT count(*) FROM tree WHERE copy IS DISTINCT FROM note") == [(0,)]


def _insist(world: World) -> None:
    """To the end, with what people do on the way: what was approved before the rows changed is approved anew."""
    for _ in range(5):
        with suppress(Blocked, Stale):
            world.to(State.COMPLETED)
            return
    world.to(State.COMPLETED)


@pytest.mark.parametrize("state", [State.BACKFILLED, State.SWITCHED])
def test_a_partition_attached_meanwhile_is_filled_before_contract(tree: World, state: State) -> None:
    tree.submit(RENAME)
    tree.to(state)
    tree.run(
        "CREATE TABLE apart (LIKE tree INCLUDING DEFAULTS)",
        "INSERT INTO apart (id, place, note) SELECT i, 50, 'late' FROM generate_series(1001, 1050) i",
        "ALTER TABLE tree ATTACH PARTITION apart FOR VALUES FROM (50) TO (60)",
    )
    _insist(tree)
    assert tree.rows("SELECT count(*) FROM tree WHERE remark = 'late'") == [(50,)]


def test_partitions_that_are_made_and_dropped_do_not_stop_it(tree: World) -> None:
    tree.submit(RENAME)
    tree.to(State.SWITCHED)
    tree.run("CREATE TABLE made PARTITION OF tree FOR VALUES FROM (40) TO (50)", "DROP TABLE low")
    _insist(tree)
    assert tree.service.status("change").state is State.COMPLETED
    assert tree.rows("SELECT count(*) FROM pg_attribute WHERE attrelid = 'made'::regclass AND attname = 'remark'") == [
        (1,)
    ]


@pytest.mark.parametrize("again", [True, False], ids=["off and on", "off"])
def test_a_trigger_that_is_off_on_one_partition_is_noticed(tree: World, again: bool) -> None:
    tree.submit(RENAME)
    tree.to(State.SWITCHED)
    ((name,),) = tree.rows("SELECT tgname FROM pg_trigger WHERE tgname LIKE '~orch%upd' AND tgrelid = 'low'::regclass")
    tree.run(f'ALTER TABLE low DISABLE TRIGGER "{name}"', "UPDATE tree SET note = 'drift' WHERE id = 1")
    tree.run(f'ALTER TABLE low ENABLE TRIGGER "{name}"') if again else None
    found = tree.service.verify("change").findings
    failed = [each for each in found if each.name.startswith("sync_intact")]
    assert [each.verdict.value for each in failed] == ["fail"]
    assert "low" in failed[0].detail or again


def test_contract_refuses_in_its_own_transaction(tree: World) -> None:
    """What is checked before may be true no more when it is done."""
    tree.submit(RENAME)
    tree.to(State.SWITCHED)
    step = next(s for s in tree.service.status("change").steps if s.kind == "park_column")
    assert step is not None
    ((name, table, body),) = tree.rows(
        "SELECT t.tgname, 'public.tree', md5(p.prosrc) FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
        " WHERE t.tgrelid = 'tree'::regclass AND t.tgname LIKE '~orch%upd'"
    )
    ask = f"SELECT orch_target.require_sync('{table}', ARRAY['{name}'], ARRAY['{body}'])"
    tree.run(ask, f'ALTER TABLE "mid 0" DISABLE TRIGGER "{name}"')
    with pytest.raises(psycopg.Error, match="5 of 6 triggers"):
        tree.run(ask)


def test_ddl_gives_way_to_a_reader_of_one_partition(tree: World) -> None:
    """F24: the locks on the way there are held for less than half a second, whatever the number of partitions."""
    tree.submit(RENAME)
    if tree.service.status("change").gate is not None:
        with suppress(OrchError):
            tree.service.approve("change")
    with psycopg.connect(tree.url) as holder:
        holder.execute("SELECT count(*) FROM rest")
        with beside(tree.url, "SELECT count(*) FROM low") as reader:
            expand = threading.Thread(target=lambda: tree.to(State.EXPANDED))
            expand.start()
            time.sleep(3)
            assert tree.rows("SELECT count(*) FROM pg_attribute WHERE attname = 'remark'") == [(0,)]
            holder.rollback()
            expand.join(30)
    assert tree.service.status("change").state is State.EXPANDED
    assert reader.slowest < 0.8


def test_every_step_locks_all_partitions_first_and_for_a_bounded_time(
    tree: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F24: lock_timeout begins anew with each partition; whoever waits behind those that are locked waits for all of them."""
    tree.run("ALTER TABLE tree ALTER note SET NOT NULL")
    sent: list[str] = []
    send = PostgresSession._send

    def noted(self: PostgresSession, message: Composed) -> psycopg.Cursor[Any]:
        sent.append(message.as_string(None))
        return send(self, message)

    monkeypatch.setattr(PostgresSession, "_send", noted)
    tree.submit(RENAME)
    tree.to(State.CONTRACTED)
    tree.service.undo("change", reason="a test says so")
    tree.service.advance("change")
    tree.abort()
    tree.submit(RENAME, change="again")
    tree.to(State.COMPLETED, "again")
    changing = [text for text in sent if " TABLE " in text and "VALIDATE" not in text]
    assert len(changing) > 15
    for text in changing:
        limit, lock = text.index("SET LOCAL statement_timeout = '300ms'"), text.index("LOCK TABLE")
        assert limit < lock < text.index("SET LOCAL statement_timeout = '10s'")
        assert all(lock < text.index(word) for word in ("ALTER TABLE", "TRIGGER", "FUNCTION") if word in text)
    assert not [text for text in sent if "VALIDATE" in text and "LOCK TABLE" in text]
