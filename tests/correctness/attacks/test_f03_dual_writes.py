"""F3: a batch must not overwrite what a dual-writing version put into the new column.

In the field 'ALEXANDRIA', written by hand into the new shape, became 'ALEXA' when the batch came by. The rule: every batch and
the mop-up fill only rows whose new side is NULL, and ask again once they hold the row's lock.
"""

from __future__ import annotations

import threading

import psycopg
import pytest

from state.model import State
from tests.support.changes import Bench, after_each_batch

CHANGE = "change_type: {table: TABLEt, column: a, to: b, type: text, up: 'left(a, 5)', down: b}"
FILLED = (
    "CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t SELECT i, 'alexandria' FROM generate_series(1, 400) i"
)


def test_a_row_written_both_ways_ahead_of_the_cursor_keeps_both(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run(FILLED)
    change = bench.submit(CHANGE, batch_rows=40)
    change.to(State.EXPANDED)
    written: set[int] = set()

    def dual(batch: int) -> None:
        for id_ in (400 - batch, 5 + batch):
            bench.run(f"UPDATE t SET a = 'ALEXANDRIA', b = 'ALEXANDRIA DUAL' WHERE id = {id_}")
            written.add(id_)

    after_each_batch(monkeypatch.setattr, dual)
    change.to(State.BACKFILLED)
    kept = bench.rows("SELECT id FROM t WHERE (a, b) = ('ALEXANDRIA', 'ALEXANDRIA DUAL')")
    assert {id_ for (id_,) in kept} == written
    assert bench.rows("SELECT count(*) FROM t WHERE b = 'alexa'") == [(400 - len(written),)]


def test_a_row_that_is_locked_while_the_batch_comes_by_is_looked_at_again(bench: Bench) -> None:
    bench.run(FILLED)
    change = bench.submit(CHANGE)
    change.to(State.EXPANDED)
    writer = bench.connect(autocommit=False)
    writer.execute("UPDATE t SET a = 'both', b = 'kept' WHERE id = 200")
    running = threading.Thread(target=change.to, args=(State.BACKFILLED,))
    running.start()
    bench.until_orch_waits()
    writer.commit()
    running.join(30)
    assert bench.rows("SELECT a, b FROM t WHERE id = 200") == [("both", "kept")]
    assert bench.rows("SELECT count(*) FROM t WHERE b = 'alexa'") == [(399,)]


def test_concurrent_writers_of_all_versions_find_every_last_write(bench: Bench) -> None:
    bench.run(FILLED)
    change = bench.submit(CHANGE, batch_rows=10)
    change.to(State.EXPANDED)
    last: dict[int, tuple[str, str]] = {}
    over = threading.Event()

    def write(version: int) -> None:
        with psycopg.connect(bench.url, autocommit=True, options=f"-c search_path={bench.schema}") as link:
            for turn in range(10_000):
                if over.is_set():
                    return
                id_, word = 1 + (turn * 7 + version * 133) % 133 + version * 133, f"{version}-{turn:05}"
                old, new = word, (word[:5], word, word + "!")[version]
                sides = ("a = %(old)s", "b = %(new)s", "a = %(old)s, b = %(new)s")[version]
                row = {"old": old, "new": new, "id": id_}
                link.execute(f"UPDATE t SET {sides} WHERE id = %(id)s".encode(), row)
                last[id_] = (old, new)

    writers = [threading.Thread(target=write, args=(version,)) for version in range(3)]
    for writer in writers:
        writer.start()
    change.to(State.BACKFILLED)
    over.set()
    for writer in writers:
        writer.join()
    expected = {id_: last.get(id_, ("alexandria", "alexa")) for id_ in range(1, 401)}
    assert {id_: (a, b) for id_, a, b in bench.rows("SELECT id, a, b FROM t")} == expected
    assert len(last) > 20
