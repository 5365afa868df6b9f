"""A comparison that was killed is gone on with where it stood, but only while all that its half result rests on still stands."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from orchestrator.engine import comparing
from state.model import Finding, State, Verdict
from tests.comparing.conftest import Ranges, Walked
from tests.support.changes import Bench, Change

RENAME = "rename_column: {table: TABLEt, column: a, to: b}"
CHANGE = "change_type: {table: TABLEt, column: a, to: b, type: int, up: 'length(a)', down: 'b::text'}"
ROWS = 70
UNSEEN = "SET session_replication_role = replica"
SEEN = "RESET session_replication_role"
DRIFT = (UNSEEN, "UPDATE t SET b = 77 WHERE k = 3", SEEN)
CHILD = """
import sys, time
from orchestrator.dialects.postgres.session import PostgresSession
from orchestrator.engine import comparing
from tests.support.changes import serve
comparing.FIRST = comparing.MOST = 7
comparing.REPORT_EVERY = 0.0
part = PostgresSession.part
def slowly(*arguments):
    if arguments[1].name.startswith("shapes_agree"):
        time.sleep(0.15)
    return part(*arguments)
PostgresSession.part = slowly
with serve(sys.argv[1]) as service:
    service.verify(sys.argv[2])
"""


class Interrupted(Exception):
    """The worker is no more."""


@pytest.fixture
def change(bench: Bench, ranges: Ranges, monkeypatch: pytest.MonkeyPatch) -> Change:
    """A filled table, before the switch; where it stands is kept after every range."""
    monkeypatch.setattr(comparing, "REPORT_EVERY", 0.0)
    bench.run("CREATE TABLE t (k int PRIMARY KEY, a text)")
    bench.run(f"INSERT INTO t SELECT i, repeat('a', i) FROM generate_series(1, {ROWS}) i")
    made = bench.submit(CHANGE)
    made.to(State.BACKFILLED)
    ranges.seen.clear()
    return made


def _half(change: Change, walked: Walked, ranges: Ranges) -> None:
    """Come half way through the comparison of the shapes, and no further."""
    alive = [True]

    def stop(check: str, position: tuple[str, ...] | None) -> None:
        if alive and check.startswith("shapes_agree") and position and int(position[0]) > 35:
            raise Interrupted

    walked(stop)
    with pytest.raises(Interrupted):
        change.service.verify(change.id)
    alive.clear()
    ranges.seen.clear()


def _again(change: Change) -> Finding:
    findings = change.service.verify(change.id).findings
    (found,) = [each for each in findings if each.name.startswith("shapes_agree")]
    return found


def _began(bench: Bench, change: Change) -> datetime:
    ((began,),) = bench.rows(f"SELECT min(began_at) FROM orch.comparison WHERE change_id = '{change.id}'")
    assert isinstance(began, datetime)
    return began


def test_a_killed_comparison_is_gone_on_with_and_counts_from_when_it_began(
    bench: Bench, change: Change, ranges: Ranges
) -> None:
    child = subprocess.Popen([sys.executable, "-c", CHILD, bench.url, change.id])
    standing = f"orch.comparison WHERE change_id = '{change.id}' AND name LIKE 'shapes_agree%'"
    bench.until(f"SELECT coalesce((SELECT rows_done >= 28 FROM {standing}), false)")
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    earlier = (
        "began_at = began_at - interval '5 min'"  # more than what a row may have waited for the head of the history
    )
    bench.run(f"UPDATE orch.comparison SET {earlier} WHERE change_id = '{change.id}'")
    began = _began(bench, change)
    ((done,),) = bench.rows(f"SELECT rows_done FROM {standing}")
    assert 28 <= done < ROWS
    assert change.service.status(change.id).to_json()["comparisons"][-1]["rows_done"] == done
    found = _again(change)
    assert (found.verdict, found.rows) == (Verdict.PASS, ROWS)
    assert ranges.rows("shapes_agree") == ROWS - done
    evidence = change.service.status(change.id).evidence
    assert evidence is not None
    assert evidence.at == began
    assert bench.rows(f"SELECT count(*) FROM orch.comparison WHERE change_id = '{change.id}'") == [(0,)]
    assert change.service.audit_verify() == []
    change.verify()
    fresh = change.service.status(change.id).evidence
    assert fresh is not None
    assert (fresh.sha256, fresh.at > began) == (evidence.sha256, True)


Before = Callable[[Bench, Change], None]


def _function(bench: Bench, change: Change) -> None:
    ((name,),) = bench.rows(
        "SELECT p.oid::regprocedure::text FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
        " WHERE t.tgrelid = 't'::regclass AND tgname LIKE '%upd'"
    )
    bench.run(f"ALTER FUNCTION {name} COST 100")


def _trigger(bench: Bench, change: Change) -> None:
    query = "SELECT quote_ident(tgname) FROM pg_trigger WHERE tgrelid = 't'::regclass AND tgname LIKE '%upd'"
    ((name,),) = bench.rows(query)
    bench.run(f"ALTER TABLE t DISABLE TRIGGER {name}", f"ALTER TABLE t ENABLE TRIGGER {name}")


def _old(bench: Bench, change: Change) -> None:
    bench.run(f"UPDATE orch.comparison SET began_at = began_at - interval '11 min' WHERE change_id = '{change.id}'")


def _other_plan(bench: Bench, change: Change) -> None:
    """As it would be found under another plan, or another wording of the question: its footing is another."""
    bench.run(f"UPDATE orch.comparison SET footing = md5(footing) WHERE change_id = '{change.id}'")


def _same(bench: Bench, change: Change) -> None:
    """Nothing happened."""


@pytest.mark.parametrize("before", [_function, _trigger, _old, _other_plan])
def test_half_a_result_is_not_used_once_what_it_rests_on_is_gone(
    bench: Bench, change: Change, walked: Walked, ranges: Ranges, before: Before
) -> None:
    """Only who begins anew reads the half that was compared already."""
    _half(change, walked, ranges)
    before(bench, change)
    assert _again(change).verdict is Verdict.PASS
    assert ranges.rows("shapes_agree") == ROWS


def test_nothing_else_makes_it_begin_anew(bench: Bench, change: Change, walked: Walked, ranges: Ranges) -> None:
    """What was read is not read again, but for what was written meanwhile; the next look reads all."""
    _half(change, walked, ranges)
    bench.run("UPDATE t SET a = a || 'a' WHERE k > 5", *DRIFT)
    assert _again(change).samples == ("k=3",)
    assert ranges.rows("shapes_agree") == ROWS - 35
    bench.run("UPDATE t SET a = a || 'a'")
    ranges.seen.clear()
    assert (_again(change).verdict, ranges.rows("shapes_agree")) == (Verdict.PASS, ROWS)


def test_faults_are_looked_for_again(bench: Bench, change: Change, walked: Walked, ranges: Ranges) -> None:
    """They are what people repair between two looks."""
    bench.run(*DRIFT)
    _half(change, walked, ranges)
    bench.run("UPDATE t SET a = 'b' WHERE k = 3")
    assert (_again(change).verdict, _again(change).mismatches) == (Verdict.PASS, 0)


def test_what_was_gone_on_with_for_too_long_is_looked_at_again_before_a_gate_opens(
    bench: Bench, change: Change, walked: Walked, ranges: Ranges
) -> None:
    _half(change, walked, ranges)
    bench.run(f"UPDATE orch.comparison SET began_at = began_at - interval '9 min 58 s' WHERE change_id = '{change.id}'")
    slow: list[Any] = []

    def wait(check: str, position: tuple[str, ...] | None) -> None:
        if check.startswith("shapes_agree") and not slow:
            slow.append(True)
            bench.run(*DRIFT)
            time.sleep(2.5)

    walked(wait)
    from orchestrator.core.errors import Blocked

    with pytest.raises(Blocked, match="k=3"):
        change.service.advance(change.id)


def test_what_others_compare_can_be_followed(bench: Bench, change: Change, ranges: Ranges) -> None:
    from orchestrator.core.errors import Waiting

    with pytest.raises(Waiting, match="no evidence yet"):
        change.service.follow(change.id)
    child = subprocess.Popen([sys.executable, "-c", CHILD, bench.url, change.id])
    bench.until(f"SELECT count(*) > 0 FROM orch.comparison WHERE change_id = '{change.id}' AND NOT done")
    told: list[int | None] = []
    evidence = change.service.follow(change.id, listen=lambda progress: told.append(progress.rows_done))
    assert child.wait() == 0
    assert told
    assert all(found.verdict is Verdict.PASS for found in evidence.findings)
    only = change.service.follow(change.id, checks=["shapes_agree"])
    assert [found.name.partition(":")[0] for found in only.findings] == ["shapes_agree"]
