"""F8: a comparison that cannot see a difference approves a loss.

In the field ``=`` passed NULL against a value and 1.0 against 1.00, and ``old = down(new)`` passed 'ABCDEgarbage'. The rule: both
sides are compared as images; before the switch only new = up(old) counts; after it old = down(new) counts too, and how many
rows rest on that alone is part of what people see.
"""

from __future__ import annotations

import pytest

from orchestrator.core.errors import Blocked
from state.model import State, Verdict
from tests.support.changes import Bench

UNSEEN = ("SET session_replication_role = replica", "RESET session_replication_role")
LOSSY = "change_type: {table: TABLEt, column: a, to: b, type: text, up: a, down: 'left(b, 5)'}"
DRIFT = {
    "text": ("'x'", "NULL"),
    "varchar(9)": ("NULL", "'x'"),
    "numeric": ("1.0", "1.00"),
    "json": ("'{\"k\":1}'", "'{\"k\": 1}'"),
    "double precision": ("'0'", "'-0'"),
    "text[]": ("ARRAY[NULL]", "'{}'"),
    "point": ("'(1,2)'", "'(1,3)'"),
}


def _unseen(bench: Bench, statement: str) -> None:
    bench.run(UNSEEN[0], statement, UNSEEN[1])


def test_every_kind_of_drift_in_one_row_of_many_is_found_and_named(bench: Bench) -> None:
    columns = ", ".join(f"c{place} {kind}" for place, kind in enumerate(DRIFT))
    values = ", ".join(good for good, _ in DRIFT.values())
    bench.run(
        f"CREATE TABLE t (id int PRIMARY KEY, {columns})",
        f"INSERT INTO t SELECT i, {values} FROM generate_series(1, 40) i",
    )
    change = bench.submit(
        *(f"rename_column: {{table: TABLEt, column: c{place}, to: d{place}}}" for place in range(len(DRIFT)))
    )
    change.to(State.BACKFILLED)

    def verdicts() -> list[tuple[Verdict, tuple[str, ...]]]:
        found = change.service.verify(change.id, checks=["shapes_agree"]).findings
        return [(each.verdict, each.samples) for each in found]

    assert verdicts() == [(Verdict.PASS, ())] * len(DRIFT)
    for place, (_, bad) in enumerate(DRIFT.values()):
        _unseen(bench, f"UPDATE t SET d{place} = {bad} WHERE id = {place + 10}")
    assert verdicts() == [(Verdict.FAIL, (f"id={place + 10}",)) for place in range(len(DRIFT))]


def test_a_value_that_only_down_excuses_fails_before_the_switch_and_is_counted_after_it(bench: Bench) -> None:
    bench.run(
        "CREATE TABLE t (id int PRIMARY KEY, a text)", "INSERT INTO t SELECT i, 'ABCDE' FROM generate_series(1, 9) i"
    )
    change = bench.submit(LOSSY)
    change.to(State.BACKFILLED)
    _unseen(bench, "UPDATE t SET b = 'ABCDEgarbage' WHERE id IN (3, 4)")
    found = change.finding("shapes_agree")
    assert (found.verdict, found.mismatches, found.samples) == (Verdict.FAIL, 2, ("id=3", "id=4"))
    change.verify()
    with pytest.raises(Blocked, match="id=3, id=4"):
        change.to(State.SWITCHED)
    _unseen(bench, "UPDATE t SET b = a")
    change.verify()
    change.to(State.SWITCHED)
    bench.run("UPDATE t SET b = 'ABCDEfgh' WHERE id <= 3")
    found = change.finding("shapes_agree")
    assert (found.verdict, found.mismatches) == (Verdict.PASS, 0)
    assert "3 agree only by down" in found.detail
    _unseen(bench, "UPDATE t SET b = 'XXXXXX' WHERE id = 7")
    found = change.finding("shapes_agree")
    assert (found.verdict, found.samples) == (Verdict.FAIL, ("id=7",))
    change.verify()
    with pytest.raises(Blocked, match="id=7"):
        change.to(State.CONTRACTED)
    assert bench.rows("SELECT a FROM t WHERE id = 7") == [("ABCDE",)]


def test_evidence_names_rows_by_key_and_never_by_value(bench: Bench) -> None:
    bench.run("CREATE TABLE t (id int PRIMARY KEY, a text)", "INSERT INTO t VALUES (1, 'secret one')")
    change = bench.submit("rename_column: {table: TABLEt, column: a, to: b}")
    change.to(State.BACKFILLED)
    _unseen(bench, "UPDATE t SET b = 'secret two'")
    found = change.finding("shapes_agree")
    assert found.verdict is Verdict.FAIL
    assert "secret" not in f"{found.detail} {found.samples}"
