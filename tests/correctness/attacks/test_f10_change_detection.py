"""F10: the sync decides by what changed, so whatever changes a column without its noticing lets the shapes drift.

In the field: a trigger that normalises the column beneath ``UPDATE OF``, one whose name sorts after ours, columns of types
without ``=``, and 1.0 written over 1.00. The rule: compare images; fire on every update where another BEFORE UPDATE trigger
exists, our own of another change included; sort last; and let sync_intact say when that no longer holds.
"""

from __future__ import annotations

import pytest

from orchestrator.core.errors import Blocked, PlanRefused
from state.model import State, Verdict
from tests.support.changes import Bench

RENAME = "rename_column: {table: TABLEt, column: email, to: mail}"
TABLE = "CREATE TABLE t (id int PRIMARY KEY, email text, note text)"
LOWER = (
    "CREATE FUNCTION lowered() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN NEW.email := lower(NEW.email); RETURN NEW; END $$"
)
ON_NOTE = "CREATE TRIGGER low BEFORE UPDATE OF note ON t FOR EACH ROW EXECUTE FUNCTION lowered()"
SECONDS = (
    "rename_column: {table: TABLEt, column: mail, to: contact}",
    "change_type: {table: TABLEt, column: email, to: letters, type: varchar(90)}",
    "drop_column: {table: TABLEt, column: mail}",
    "set_not_null: {table: TABLEt, column: email, fill: \"'x'\"}",
)


@pytest.mark.parametrize("other", ["SELECT", ON_NOTE], ids=["alone", "beside another trigger"])
def test_no_second_change_takes_a_column_that_one_keeps_in_sync(bench: Bench, other: str) -> None:
    bench.run(TABLE, LOWER, other)
    bench.submit(RENAME).to(State.EXPANDED)
    for second in SECONDS:
        with pytest.raises(PlanRefused, match="another change"):
            bench.submit(second)


def test_a_second_change_of_another_column_is_welcome_and_both_hold(bench: Bench) -> None:
    bench.run(TABLE)
    bench.submit(RENAME).to(State.EXPANDED)
    bench.submit("rename_column: {table: TABLEt, column: note, to: remark}").to(State.EXPANDED)
    bench.run(
        "INSERT INTO t (id, email, remark) VALUES (1, 'a', 'r')",
        "UPDATE t SET mail = 'b', note = 'n'",
    )
    assert bench.rows("SELECT email, mail, note, remark FROM t") == [("b", "b", "n", "n")]


def test_a_second_change_of_the_column_is_refused_until_the_first_is_over(bench: Bench) -> None:
    bench.run(TABLE)
    retype = "change_type: {table: TABLEt, column: email, to: letters, type: varchar(90)}"
    first = bench.submit(RENAME)
    with pytest.raises(Blocked, match=r"both need .*email"):
        bench.submit(retype)
    first.to(State.EXPANDED)
    with pytest.raises(PlanRefused, match="another change"):
        bench.submit(retype)
    bench.run("INSERT INTO t (id, email) VALUES (1, 'a')")
    first.abort()
    bench.submit(retype).to(State.EXPANDED)


def test_a_column_changed_by_a_trigger_of_another_column_is_followed(bench: Bench) -> None:
    bench.run(TABLE, LOWER, ON_NOTE)
    change = bench.submit(RENAME)
    change.to(State.EXPANDED)
    bench.run("INSERT INTO t VALUES (1, 'ABC', 'n')", "UPDATE t SET note = 'm'")
    assert bench.rows("SELECT email, mail FROM t") == [("abc", "abc")]


def test_without_other_triggers_only_updates_of_the_two_columns_fire_ours(bench: Bench) -> None:
    bench.run(TABLE)
    bench.submit(RENAME).to(State.EXPANDED)
    narrow = "SELECT count(*) FROM pg_trigger WHERE tgrelid = 't'::regclass AND cardinality(tgattr::int2[]) = 2"
    assert bench.rows(narrow) == [(1,)]


def test_a_normalising_trigger_that_the_backfill_fires_is_caught_before_the_switch(bench: Bench) -> None:
    bench.run(TABLE, "INSERT INTO t VALUES (1, 'ABC', 'n')", LOWER)
    bench.run("CREATE TRIGGER low BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION lowered()")
    change = bench.submit(RENAME, more="triggers: fire\n")
    change.to(State.BACKFILLED)
    found = change.finding("shapes_agree")
    agree = bench.rows("SELECT email = mail FROM t") == [(True,)]
    assert agree is (found.verdict is Verdict.PASS)


def test_a_trigger_added_later_fails_the_check_at_every_gate(bench: Bench) -> None:
    bench.run(TABLE, LOWER)
    change = bench.submit(RENAME)
    for moment in (State.EXPANDED, State.BACKFILLED, State.SWITCHED):
        change.to(moment)
        bench.run('CREATE TRIGGER "~zz" BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION lowered()')
        assert change.finding("sync_intact").verdict is Verdict.FAIL
        bench.run(
            'DROP TRIGGER "~zz" ON t', "CREATE TRIGGER early BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION lowered()"
        )
        assert change.finding("sync_intact").verdict is Verdict.FAIL
        bench.run("DROP TRIGGER early ON t")
        assert change.finding("sync_intact").verdict is Verdict.PASS
