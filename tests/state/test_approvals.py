"""Who may say what at a gate, as the database itself judges it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from state import queries
from state.digest import NO_FINDINGS
from state.errors import (
    AlreadyApproved,
    NotAtGate,
    NotGranted,
    ReasonRequired,
    RequesterMayNot,
    StaleApproval,
    UnknownChange,
)
from state.model import Approval, BackfillRow, Event, Finding, GateName, Verdict
from state.queries import Standing
from state.store import Registry
from tests.state.conftest import Person, audit, new, new_steps

Connect = Callable[..., psycopg.Connection[Any]]
ID = "orders-email"
PLAN = new().plan_sha256


def _decide(registry: Registry, decision: str = "approve", **other: Any) -> Approval:
    given = {"plan_sha256": PLAN, "evidence_sha256": NO_FINDINGS, **other}
    gate = given.pop("gate", GateName.EXPAND)
    return registry.decide_gate(given.pop("change_id", ID), gate, decision, **given)


def _standings(registry: Registry, gate: GateName = GateName.EXPAND) -> list[str]:
    with registry.reading() as connection:
        return [f"{each.approval.approver} {each.standing}" for each in queries.approvals(connection, ID, gate)]


@pytest.fixture
def submitted(registry: Registry) -> Registry:
    registry.submit(new(approvals_needed={"contract": 2}), new_steps())
    return registry


def test_an_approval_is_bound_counted_and_told(submitted: Registry, person: Person) -> None:
    said = _decide(person("ada"), reason="looks right", seen_version=1, valid_for=timedelta(hours=2))
    assert (said.approver, said.reason, said.expires_at - said.at) == ("ada", "looks right", timedelta(hours=2))
    with submitted.reading() as connection:
        (standing,) = queries.approvals(connection, ID)
        row, told = queries.change(connection, ID), queries.events(connection, ID)[-1]
    assert standing.counts
    assert standing.approval == said
    assert row.version == 2
    assert (told.kind, told.actor, told.data["self_approved"]) == ("gate.approved", "ada", False)
    assert {name: told.data[name] for name in ("gate", "decision", "plan_sha256", "evidence_sha256", "reason")} == {
        "gate": "expand",
        "decision": "approve",
        "plan_sha256": PLAN,
        "evidence_sha256": NO_FINDINGS,
        "reason": "looks right",
    }
    assert audit(submitted) == []


@pytest.mark.parametrize(
    ("other", "error", "words"),
    [
        ({"change_id": "ghost"}, UnknownChange, "no change"),
        ({"gate": GateName.CONTRACT}, NotAtGate, "does not rest at the gate contract.*orch status"),
        ({"plan_sha256": "other"}, StaleApproval, "the plan of.*orch status"),
        ({"evidence_sha256": "other"}, StaleApproval, "evidence.*orch status"),
        ({"seen_version": 7}, StaleApproval, "from version 7 to 1"),
        ({"decision": "reject"}, ReasonRequired, "orch reject"),
        ({"decision": "reject", "reason": "  "}, ReasonRequired, "needs a reason"),
    ],
)
def test_what_is_refused(submitted: Registry, other: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        _decide(submitted, **other)
    assert _standings(submitted) == []
    assert audit(submitted) == []


def test_neither_yes_nor_no(submitted: Registry) -> None:
    with pytest.raises(Exception, match="approve or reject, not maybe"):
        _decide(submitted, "maybe")


def test_the_requester_counts_for_one_but_not_among_two(submitted: Registry, person: Person) -> None:
    _decide(submitted)
    with submitted.reading() as connection:
        assert queries.events(connection, ID)[-1].data["self_approved"] is True
    for event in (Event.EXPAND_PASSED, Event.BACKFILL_PASSED, Event.SWITCH_PASSED):
        submitted.record(ID, event)
    with pytest.raises(RequesterMayNot, match="asks for other people; ask somebody else"):
        _decide(submitted, gate=GateName.CONTRACT)
    _decide(person("ada"), gate=GateName.CONTRACT)
    _decide(submitted, "reject", gate=GateName.CONTRACT, reason="not today")
    assert _standings(submitted, GateName.CONTRACT) == ["ada rejected", "postgres rejected"]


def test_the_same_word_twice_is_refused_while_it_counts(submitted: Registry, connect: Connect) -> None:
    _decide(submitted, valid_for=timedelta(seconds=-1))
    assert _standings(submitted) == ["postgres expired"]
    _decide(submitted)
    with pytest.raises(AlreadyApproved, match="approved this of orders-email already"):
        _decide(submitted)
    _decide(submitted, "reject", reason="second thoughts")
    _decide(submitted)
    assert _standings(submitted) == ["postgres rejected"] * 3 + ["postgres valid"]


def test_a_reject_takes_back_earlier_approvals_of_its_gate(submitted: Registry, person: Person) -> None:
    ada, bob = person("ada"), person("bob")
    _decide(ada)
    _decide(bob, "reject", reason="the index is missing")
    _decide(submitted)
    assert _standings(submitted) == ["ada rejected", "bob rejected", "postgres valid"]


def test_new_findings_void_and_the_same_findings_do_not(submitted: Registry) -> None:
    _decide(submitted)
    passed = Finding("sync_intact", "v1", Verdict.PASS)
    submitted.record_evidence(ID, GateName.EXPAND, [passed], PLAN)
    assert _standings(submitted) == ["postgres voided-by-evidence"]
    with pytest.raises(StaleApproval):
        _decide(submitted)
    with submitted.reading() as connection:
        latest = queries.latest_evidence(connection, ID, GateName.EXPAND)
    assert latest is not None
    _decide(submitted, evidence_sha256=latest.sha256)
    again = Finding("sync_intact", "v1", Verdict.PASS, detail="again", rows=9, seconds=3.5)
    submitted.record_evidence(ID, GateName.EXPAND, [again], PLAN)
    assert _standings(submitted)[1] == "postgres valid"


def test_a_replaced_plan_voids_even_when_the_plan_is_the_same(submitted: Registry) -> None:
    _decide(submitted)
    submitted.submit(new(definition={"gates": "changed"}), new_steps())
    assert _standings(submitted) == ["postgres voided-by-plan"]
    submitted.submit(new(plan={"steps": [1]}), new_steps())
    with pytest.raises(StaleApproval):
        _decide(submitted)


def test_what_was_done_and_undone_is_asked_again(registry: Registry) -> None:
    registry.submit(new(), new_steps())
    registry.record(ID, Event.EXPAND_PASSED)
    registry.record(ID, Event.BACKFILL_PASSED)
    _decide(registry, gate=GateName.SWITCH_READS)
    registry.record(ID, Event.SWITCH_PASSED)
    _decide(registry, gate=GateName.CONTRACT)
    registry.record(ID, Event.CONTRACT_STARTED)
    registry.record(ID, Event.CONTRACT_ABSENT)
    assert _standings(registry, GateName.CONTRACT) == ["postgres valid"]
    for event in (Event.CONTRACT_STARTED, Event.CONTRACT_PARKED, Event.UNDO_STARTED, Event.UNDO_FINISHED):
        registry.record(ID, event, {"reason": "rehearsal"})
    assert _standings(registry, GateName.CONTRACT) == ["postgres spent"]
    _decide(registry, gate=GateName.CONTRACT)
    registry.record(ID, Event.UNSWITCH_STARTED, {"reason": "rehearsal"})
    registry.record(ID, Event.UNSWITCH_FINISHED)
    assert _standings(registry, GateName.SWITCH_READS) == ["postgres spent"]
    assert _standings(registry, GateName.CONTRACT) == ["postgres spent", "postgres spent"]
    registry.record(ID, Event.SWITCH_PASSED)
    assert _standings(registry, GateName.CONTRACT) == ["postgres spent", "postgres spent"]
    assert audit(registry) == []


def test_an_operator_can_decide_and_nothing_else(submitted: Registry, person: Person) -> None:
    ada = person("ada")
    _decide(ada)
    for statement in (
        "INSERT INTO orch.approval (change_id, gate, decision, approver, plan_sha256, evidence_sha256, at, expires_at)"
        " VALUES ('orders-email', 'expand', 'approve', 'bob', '', '', now(), now())",
        "UPDATE orch.change SET requester = 'bob'",
        "SELECT orch.append_event('orders-email', 'gate.approved', '{}')",
        "INSERT INTO orch.event SELECT * FROM orch.event",
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), ada._engine.begin() as connection:
            connection.execute(text(statement))


def test_without_the_grant_nobody_decides(submitted: Registry, person: Person, connect: Connect) -> None:
    ada = person("ada")
    connect().execute("REVOKE EXECUTE ON FUNCTION orch.decide_gate FROM ada")
    with pytest.raises(NotGranted, match="ask for EXECUTE"):
        _decide(ada)


def test_set_role_and_a_forged_search_path_change_nobody(submitted: Registry, person: Person, connect: Connect) -> None:
    person("ada")
    admin = connect()
    admin.execute("CREATE TEMP TABLE change AS SELECT * FROM orch.change WITH NO DATA")
    admin.execute("SET search_path = pg_temp, public; SET ROLE ada")
    call = "SELECT approver FROM orch.decide_gate(%s, 'expand', 'approve', %s, %s, NULL, '1 h')"
    row = admin.execute(call, [ID, PLAN, NO_FINDINGS]).fetchone()
    assert row == ("postgres",)


def test_every_standing_can_be_read() -> None:
    assert {str(each) for each in Standing} == {
        "valid",
        "expired",
        "voided-by-plan",
        "voided-by-evidence",
        "rejected",
        "spent",
    }


def test_a_worker_needs_no_more_than_the_readme_says(registry: Registry, person: Person, connect: Connect) -> None:
    worker = person("worker")
    connect().execute(
        "GRANT INSERT, UPDATE, DELETE ON orch.change, orch.step, orch.lease, orch.backfill, orch.comparison TO worker;"
        "GRANT INSERT ON orch.evidence TO worker; GRANT EXECUTE ON FUNCTION orch.append_event TO worker"
    )
    worker.ready()
    worker.submit(new(), new_steps())
    worker.submit(new(title="Other", definition={"other": 1}), new_steps())
    fence = worker.acquire(ID, "worker", 60)
    worker.record_evidence(ID, GateName.EXPAND, [], PLAN)
    _decide(worker)
    worker.record(ID, Event.EXPAND_STARTED, fence=fence)
    worker.step_started(ID, 0, fence)
    worker.progress(BackfillRow(ID, 0, "orders", 1, None, None, None, None, worker.now()), fence)
    worker.step_done(ID, 0, fence)
    worker.release(ID, fence)
    assert audit(registry) == []
    for statement in (
        "DELETE FROM orch.event",
        "UPDATE orch.event_head SET seq = 0",
        "UPDATE orch.approval SET at = now()",
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), worker._engine.begin() as connection:
            connection.execute(text(statement))
