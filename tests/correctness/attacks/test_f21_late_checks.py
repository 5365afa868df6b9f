"""F21: a CHECK … NOT VALID binds every write at once, also the unrelated update of a row that is not filled yet.

In the field such updates failed with 23514 between expand and backfill. The rule: no constraint on the new side before its rows
are in; set_not_null keeps a trigger from expand on that fills what writers leave out, and its CHECK comes after the mop-up.
"""

from __future__ import annotations

import pytest

from orchestrator.core.progress import Progress
from state.model import State
from tests.support.changes import Bench, after_each_batch

COLUMNS = (
    "id int PRIMARY KEY, a text NOT NULL CHECK (a <> ''), n int NOT NULL CHECK (n > 0), p text,"
    " other int NOT NULL DEFAULT 0"
)
OPERATIONS = (
    "rename_column: {table: TABLEt, column: a, to: b}",
    "change_type: {table: TABLEt, column: n, to: big, type: bigint}",
    "set_not_null: {table: TABLEt, column: p, fill: \"'?'\"}",
    "add_column: {table: TABLEt, column: q, type: text, fill: \"'q' || id\", not_null: true}",
    "add_column: {table: TABLEt, column: token, type: uuid, default: gen_random_uuid(), not_null: true}",
)


def test_every_row_can_be_touched_around_every_step_and_batch(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run(f"CREATE TABLE t ({COLUMNS})", "INSERT INTO t SELECT i, 'a', i FROM generate_series(1, 40) i")
    change = bench.submit(*OPERATIONS, batch_rows=15)
    touched = 0

    def touch() -> None:
        nonlocal touched
        bench.run("UPDATE t SET other = other + 1")
        touched += 1

    def listen(progress: Progress) -> None:
        if progress.kind in ("step.started", "step.done"):
            touch()

    after_each_batch(monkeypatch.setattr, lambda _: touch())
    change.to(State.CONTRACTED, listen)
    assert touched > 60
    assert bench.rows("SELECT DISTINCT other FROM t") == [(touched,)]
    nullable = (
        "SELECT attname FROM pg_attribute WHERE attrelid = 't'::regclass AND NOT attnotnull AND attnum > 0"
        " AND attname ~ '^[a-z]'"
    )
    assert bench.rows(nullable) == []


def test_no_constraint_stands_before_the_rows_are_in(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One operation per table, so that each table's constraints are looked at before its own rows are in."""
    for place in range(len(OPERATIONS)):
        bench.run(
            f"CREATE TABLE t{place} ({COLUMNS})", f"INSERT INTO t{place} SELECT i, 'a', i FROM generate_series(1, 10) i"
        )
    operations = [each.replace("TABLEt", f"TABLEt{place}") for place, each in enumerate(OPERATIONS)]
    change = bench.submit(*operations, batch_rows=4)
    change.to(State.EXPANDED)
    beside = "SELECT count(*) FILTER (WHERE contype = 'c') FROM pg_constraint WHERE conrelid = 't{}'::regclass"
    unfilled = ("b", "big", "p", "q", "token")
    looked = 0

    def look(_: int) -> None:
        nonlocal looked
        for place, column in enumerate(unfilled):
            if bench.rows(f"SELECT count(*) FROM t{place} WHERE {column} IS NULL") != [(0,)]:
                assert bench.rows(beside.format(place)) == [(2,)], OPERATIONS[place]
                looked += 1

    look(0)
    after_each_batch(monkeypatch.setattr, look)
    change.to(State.BACKFILLED)
    assert looked > 10


def test_set_not_null_fills_what_writers_leave_out_until_it_is_set(bench: Bench) -> None:
    bench.run(f"CREATE TABLE t ({COLUMNS})")
    change = bench.submit(OPERATIONS[2])
    for number in range(2):
        change.service.advance(change.id)
        bench.run(
            f"INSERT INTO t (id, a, n) VALUES ({number}, 'a', 1)", "UPDATE t SET p = NULL", "UPDATE t SET other = 1"
        )
    assert bench.rows("SELECT p FROM t") == [("?",), ("?",)]
