"""F15: rows that move while the backfill walks must not be left behind.

In the field a row whose key rose above the bound fixed at the start was never filled, and stripes by ``id % 16`` missed every
negative key. The rule: the walk's last range has no end, a mop-up that is bounded by nothing follows until it finds nothing,
and its last look waits for rows that others hold.
"""

from __future__ import annotations

import threading

import pytest

from state.model import State
from tests.support.changes import Bench, after_each_batch

RENAME = "rename_column: {table: TABLEt, column: a, to: b}"
UNFILLED = "SELECT count(*) FROM t WHERE b IS DISTINCT FROM a"

KEYS = {
    "negative": ("id bigint PRIMARY KEY", "i - 300"),
    "composite": ("x int, y text, PRIMARY KEY (x, y)", "i % 7 - 3, 'k''\"\\ ' || i"),
    "text collated": ('id text COLLATE "C" PRIMARY KEY', "CASE i % 2 WHEN 0 THEN 'Z' ELSE 'a' END || i"),
    "uuid": ("id uuid PRIMARY KEY", "md5(i::text)::uuid"),
    "timestamptz": ("id timestamptz PRIMARY KEY", "'2026-03-29 00:00+00'::timestamptz + i * interval '1 minute'"),
    "numeric": ("id numeric PRIMARY KEY", "CASE i WHEN 1 THEN 'NaN' WHEN 2 THEN '-Infinity' ELSE i / 3.0 END::numeric"),
    "unique": ("id int NOT NULL, UNIQUE (id)", "i"),
    "none": ("id int", "i"),
    "nullable unique": ("id int UNIQUE", "CASE WHEN i % 2 = 0 THEN i END"),
}


def test_every_kind_of_key_is_walked_to_the_end(bench: Bench) -> None:
    """One change over all of them, and two empty ones; in batches that divide no count evenly."""
    tables = {f"t{place}": (*spelled, 253) for place, spelled in enumerate(KEYS.values())}
    tables |= {f"empty{place}": (*KEYS[kind], 0) for place, kind in enumerate(("composite", "none"))}
    for table, (columns, values, rows) in tables.items():
        bench.run(
            f"CREATE TABLE {table} ({columns}, a text)",
            f"INSERT INTO {table} SELECT {values}, 'a' || i FROM generate_series(1, {rows}) i",
        )
    change = bench.submit(*(f"rename_column: {{table: TABLE{t}, column: a, to: b}}" for t in tables), batch_rows=100)
    change.to(State.BACKFILLED)
    for table, (_, _, rows) in tables.items():
        assert bench.rows(f"SELECT count(*), count(*) FILTER (WHERE a = b) FROM {table}") == [(rows, rows)], table


@pytest.mark.parametrize("key", ["id int PRIMARY KEY", "id int"])
def test_keys_may_move_anywhere_and_rows_come_and_go(bench: Bench, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    bench.run(f"CREATE TABLE t ({key}, a text)", "INSERT INTO t SELECT i, 'a' || i FROM generate_series(1, 500) i")
    change = bench.submit(RENAME, batch_rows=50)
    change.to(State.EXPANDED)

    def stir(batch: int) -> None:
        ahead = 490 - 7 * batch
        bench.run(
            f"UPDATE t SET id = id + 100000 WHERE id = {ahead}",
            f"UPDATE t SET id = -id WHERE id = {ahead - 1}",
            f"DELETE FROM t WHERE id = {ahead - 2}",
            f"INSERT INTO t (id, a) VALUES ({-1000 - batch}, 'behind'), ({2000 + batch}, 'ahead')",
            f"INSERT INTO t (id, b) VALUES ({-3000 - batch}, 'behind'), ({4000 + batch}, 'ahead')",
        )

    after_each_batch(monkeypatch.setattr, stir)
    change.to(State.BACKFILLED)
    assert bench.rows(UNFILLED) == [(0,)]
    assert bench.rows("SELECT count(*) > 500 FROM t") == [(True,)]


def test_rows_carried_behind_the_cursor_unseen_are_mopped_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The move is done in a session that fires no sync trigger, as logical replication would: nothing but the mop-up helps."""
    bench.run("CREATE TABLE t (id int PRIMARY KEY, a text)")
    bench.run("INSERT INTO t SELECT i, 'a' || i FROM generate_series(1, 300) i")
    change = bench.submit(RENAME, batch_rows=30)
    change.to(State.EXPANDED)
    hidden = bench.connect()
    hidden.execute("SET session_replication_role = replica")

    def carry(batch: int) -> None:
        hidden.execute("UPDATE t SET id = -id WHERE id > %s", [300 - 10 * batch])
        hidden.execute("INSERT INTO t (id, a) VALUES (%s, 'hidden')", [-5000 - batch])

    after_each_batch(monkeypatch.setattr, carry)
    change.to(State.BACKFILLED)
    assert bench.rows(UNFILLED) == [(0,)]
    assert bench.rows("SELECT count(*) > 60 FROM t WHERE id < 0") == [(True,)]


def test_the_end_waits_for_a_row_that_another_session_holds(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run(
        "CREATE TABLE t (id int PRIMARY KEY, a text)", "INSERT INTO t SELECT i, 'a' FROM generate_series(1, 90) i"
    )
    change = bench.submit(RENAME, batch_rows=30)
    change.to(State.EXPANDED)
    holder = bench.connect(autocommit=False)
    holder.execute("SELECT 1 FROM t WHERE id = 75 FOR UPDATE")
    running = threading.Thread(target=change.to, args=(State.BACKFILLED,))
    running.start()
    bench.until("SELECT count(b) = 89 FROM t")
    running.join(0.4)
    assert running.is_alive()
    assert change.service.status(change.id).state is State.BACKFILLING
    holder.commit()
    running.join(30)
    assert change.service.status(change.id).state is State.BACKFILLED
    assert bench.rows(UNFILLED) == [(0,)]


def test_an_interrupted_walk_goes_on_where_it_stood(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run(
        "CREATE TABLE t (id int PRIMARY KEY, a text)", "INSERT INTO t SELECT i, 'a' FROM generate_series(1, 300) i"
    )
    change = bench.submit(RENAME, batch_rows=50)
    change.to(State.EXPANDED)

    class Killed(BaseException):
        pass

    def kill(batch: int) -> None:
        if batch == 2:
            raise Killed

    with monkeypatch.context() as patch:
        after_each_batch(patch.setattr, kill)
        with pytest.raises(Killed):
            change.to(State.BACKFILLED)
    ((filled,),) = bench.rows("SELECT array_agg(id) FROM t WHERE b IS NOT NULL")
    assert 100 < len(filled) < 200
    query = f"SELECT id, xmin::text FROM t WHERE id = ANY (ARRAY{filled}) ORDER BY id"
    before = bench.rows(query)
    change.to(State.BACKFILLED)
    assert bench.rows(query) == before
    assert bench.rows(UNFILLED) == [(0,)]
