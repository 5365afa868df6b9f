"""F1: what orch writes itself must not come back to the old column through the reverse half of the sync.

In the field a lossy ``down`` ran on rows the backfill, the mop-up and a repair had filled, and 'Foo@X.com' became 'foo@x.com'.
The rule: both halves exist from expand, so that early writers of the new shape are heard, and stay out of orch's sessions.
"""

from __future__ import annotations

import pytest

from state.model import State
from tests.support.changes import Bench, after_each_batch

LOWER = "change_type: {table: TABLEt, column: a, to: b, type: text, up: lower(a), down: b}"


def test_backfill_and_mop_up_leave_the_old_side_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run("CREATE TABLE t (id int PRIMARY KEY, a text)")
    bench.run("INSERT INTO t SELECT i, 'Foo' || i FROM generate_series(1, 300) i")
    change = bench.submit(LOWER, batch_rows=50)
    change.to(State.EXPANDED)

    def move_behind(batch: int) -> None:
        bench.run(f"UPDATE t SET id = -id WHERE id = {300 - batch}")

    after_each_batch(monkeypatch.setattr, move_behind)
    change.to(State.BACKFILLED)
    assert bench.rows("SELECT count(*) FROM t WHERE a = 'Foo' || abs(id) AND b = 'foo' || abs(id)") == [(300,)]
    assert bench.rows("SELECT count(*) FROM t WHERE id < 0")[0][0] > 3


@pytest.mark.parametrize("required", ["", "NOT NULL"])
def test_writers_of_the_new_shape_are_heard_in_every_state(bench: Bench, required: str) -> None:
    bench.run(f"CREATE TABLE t (id serial PRIMARY KEY, a text {required})", "INSERT INTO t (a) VALUES ('One')")
    change = bench.submit(LOWER)
    for state in (State.EXPANDED, State.BACKFILLED, State.SWITCHED):
        change.to(state)
        bench.run(f"UPDATE t SET b = '{state}' WHERE id = 1", f"INSERT INTO t (b) VALUES ('{state}')")
        assert bench.rows("SELECT DISTINCT a, b FROM t WHERE id = 1 OR id = lastval()") == [(state.value, state.value)]


def test_the_setting_ends_with_our_session_and_is_no_business_of_others(bench: Bench) -> None:
    bench.run("CREATE TABLE t (id int PRIMARY KEY, a text)")
    change = bench.submit(LOWER)
    change.to(State.BACKFILLED)
    assert bench.connect().execute("SELECT current_setting('orch.own', true)").fetchone() in [(None,), ("",)]
    bench.run("INSERT INTO t (id, a) VALUES (1, 'A')")
    assert bench.rows("SELECT b FROM t") == [("a",)]
