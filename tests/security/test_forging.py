"""What an operator or a worker may try with plain SQL, and the database refuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from state import freezes, queries
from state.digest import NO_FINDINGS
from state.errors import Forbidden, NotGranted, ReasonRequired, RequesterMayNot, StaleApproval, StaleView, Unprivileged
from state.machine import Refused
from state.model import OF_NONE, Event, Finding, GateName, State, Verdict
from state.store import Registry
from tests.security.conftest import Place
from tests.state.conftest import audit, new, new_steps

ID = "orders-email"
PLAN = new().plan_sha256
DECIDE = "SELECT orch.decide_gate('orders-email', 'expand', 'approve', %s, %s, NULL, '1 h')"


@pytest.fixture
def worker(place: Place) -> Registry:
    """The worker's Registry, with a Change that asks for two people at expand, submitted by it."""
    registry = place.registry("sec_worker")
    registry.submit(new(approvals_needed={"expand": 2}), new_steps())
    return registry


def _approve(registry: Registry, **other: Any) -> str:
    given = {"plan_sha256": PLAN, "evidence_sha256": NO_FINDINGS, **other}
    return registry.decide_gate(ID, GateName.EXPAND, given.pop("decision", "approve"), **given).approver


FORGED = {
    "an approval": "INSERT INTO orch.approval (change_id, gate, decision, approver, plan_sha256, evidence_sha256, at,"
    " expires_at) VALUES ('orders-email', 'expand', 'approve', 'sec_bob', '', '', now(), now())",
    "an approval by function": "SELECT orch.append_event('orders-email', 'gate.approved', '{}')",
    "a link of the chain": "SELECT orch.link_event('orders-email', 'gate.approved', '{}')",
    "an event": "INSERT INTO orch.event SELECT * FROM orch.event",
    "an event by function": "SELECT orch.append_event('orders-email', 'expand.passed', '{}')",
    "a freeze by function": "SELECT orch.append_event('', 'freeze.set', '{}')",
    "a thaw by function": "SELECT orch.append_event('', 'freeze.lifted', '{}')",
    "an event of no change": "SELECT orch.append_event('', 'step.done', '{}')",
    "a deploy by function": "SELECT orch.append_event('orders-email', 'deploy.attested', '{}')",
    "tuning by function": "SELECT orch.append_event('orders-email', 'backfill.tuned', '{}')",
    "a rehearsal by function": "SELECT orch.append_event('orders-email', 'rehearsal.recorded', '{}')",
    "evidence": "INSERT INTO orch.evidence (change_id, gate, plan_sha256, sha256, findings, at)"
    " VALUES ('orders-email', 'expand', '', '', '[]', now())",
    "a state": "UPDATE orch.change SET state = 'expanded'",
    "a requester": "UPDATE orch.change SET requester = 'sec_bob'",
    "fewer people": "UPDATE orch.change SET approvals_needed = '{}'",
    "a hold": "UPDATE orch.change SET hold_reason = 'x', hold_actor = 'sec_bob', hold_at = now()",
    "a step": "UPDATE orch.step SET status = 'done'",
    "a removed step": "DELETE FROM orch.step",
    "a lease": "UPDATE orch.lease SET fence = 99",
    "a head": "UPDATE orch.event_head SET seq = 0",
    "a locked row": "SELECT FROM orch.change FOR UPDATE",
    "the version": "UPDATE orch.registry_version SET version_num = '9999'",
    "a table": "CREATE TABLE orch.mine (id int)",
    "a function": "CREATE FUNCTION orch.decide_gate(text) RETURNS text LANGUAGE sql AS 'SELECT 1::text'",
    "another function": "ALTER FUNCTION orch.decide_gate SECURITY INVOKER",
    "disabled triggers": "ALTER TABLE orch.event DISABLE TRIGGER ALL",
    "triggers as a replica": "SET session_replication_role = replica",
    "a dropped trigger": "DROP TRIGGER append_only_row ON orch.approval",
    "truncation": "TRUNCATE orch.approval",
    "the owner": "SET ROLE orch_owner",
    "the worker": "SET ROLE orch_worker",
    "another person": "SET ROLE sec_bob",
    "another session": "SET SESSION AUTHORIZATION sec_bob",
    "a membership": "GRANT orch_owner TO sec_ada",
    "a new role": "CREATE ROLE sec_mallory LOGIN IN ROLE orch_operator",
    "a copied view": "CREATE OR REPLACE VIEW orch.approval_standing AS SELECT * FROM orch.approval",
}


@pytest.mark.parametrize("what", FORGED)
def test_an_operator_cannot_forge(place: Place, worker: Registry, what: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        place.connect("sec_ada").execute(FORGED[what].encode())
    assert audit(place.registry()) == []


def test_search_path_and_temporary_doubles_change_nothing(place: Place, worker: Registry) -> None:
    ada = place.connect("sec_ada")
    ada.execute("CREATE TEMP TABLE change AS SELECT * FROM orch.change")
    ada.execute("UPDATE pg_temp.change SET requester = 'x', approvals_needed = '{}'")
    ada.execute("CREATE TEMP TABLE approval (LIKE orch.approval); CREATE TEMP TABLE event (LIKE orch.event)")
    ada.execute("CREATE TEMP TABLE event_head AS SELECT 1::smallint AS id, 0::bigint AS seq, 'x'::text AS sha256")
    ada.execute(
        "CREATE FUNCTION pg_temp.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$SELECT 'epoch'::timestamptz$$"
    )
    ada.execute("CREATE FUNCTION pg_temp.is_member(name, name) RETURNS boolean LANGUAGE sql AS 'SELECT true'")
    ada.execute("CREATE FUNCTION pg_temp.btrim(text) RETURNS text LANGUAGE sql AS $$SELECT 'x'$$")
    ada.execute("SET search_path = pg_temp, orch, pg_catalog; SET TimeZone = 'Asia/Kathmandu'")
    ada.execute(DECIDE, [PLAN, NO_FINDINGS])
    with pytest.raises(psycopg.Error, match="already"):
        ada.execute(DECIDE, [PLAN, NO_FINDINGS])
    said = place.connect().execute("SELECT approver, at > now() - interval '1 min' FROM orch.approval").fetchall()
    assert said == [("sec_ada", True)]
    for table in ("approval", "event"):
        assert ada.execute(f"SELECT count(*) FROM pg_temp.{table}").fetchone() == (0,)
    assert audit(place.registry()) == []


def test_an_owner_who_sets_a_role_stays_who_they_are(place: Place, worker: Registry) -> None:
    admin = place.connect()
    admin.execute("SET ROLE sec_ada")
    admin.execute(DECIDE, [PLAN, NO_FINDINGS])
    assert place.connect().execute("SELECT approver FROM orch.approval").fetchall() == [("postgres",)]


def test_stale_digests_and_versions_are_refused(place: Place, worker: Registry) -> None:
    ada = place.registry("sec_ada")
    for other in ({"plan_sha256": "x"}, {"evidence_sha256": "x"}, {"seen_version": 7}):
        with pytest.raises(StaleApproval):
            _approve(ada, **other)
    worker.record_evidence(ID, GateName.EXPAND, [Finding("n", "d", Verdict.PASS)], PLAN)
    with pytest.raises(StaleApproval):
        _approve(ada)


def test_the_requester_and_strangers_do_not_approve(place: Place, worker: Registry) -> None:
    both = place.registry("sec_both")
    both.submit(new("mine", approvals_needed={"expand": 2}), new_steps("mine"))
    plan = new("mine").plan_sha256
    with pytest.raises(RequesterMayNot):
        both.decide_gate("mine", GateName.EXPAND, "approve", plan_sha256=plan, evidence_sha256=NO_FINDINGS)
    for login in ("sec_worker", "sec_auditor"):
        with pytest.raises(NotGranted):
            _approve(place.registry(login))
    with pytest.raises(Unprivileged):
        place.registry("sec_nobody").ready()


def test_execute_alone_does_not_make_an_operator(place: Place, worker: Registry) -> None:
    place.connect().execute("GRANT EXECUTE ON FUNCTION orch.decide_gate TO sec_worker")
    with pytest.raises(NotGranted, match="sec_worker is no member of orch_operator"):
        _approve(worker)


def test_no_approval_outlives_what_the_plan_says(place: Place, worker: Registry) -> None:
    ada = place.connect("sec_ada")
    ada.execute(DECIDE.replace("'1 h'", "'100 years'"), [PLAN, NO_FINDINGS])
    left = ada.execute("SELECT expires_at - at FROM orch.approval").fetchone()
    assert left
    assert left[0].days == 1


BY_WORKER = {
    "an approval": FORGED["an approval"],
    "an approved event": FORGED["an approval by function"],
    "a rejected event": "SELECT orch.append_event('orders-email', 'gate.rejected', '{}')",
    "a hold event": "SELECT orch.append_event('orders-email', 'hold.lifted', '{}')",
    "an abort": "SELECT orch.append_event('orders-email', 'abort.started', '{}')",
    "broken glass": "SELECT orch.append_event('orders-email', 'break_glass.used', '{}')",
    "a link": FORGED["a link of the chain"],
    "an event": FORGED["an event"],
    "the head": FORGED["a head"],
    "another requester": FORGED["a requester"],
    "fewer people": FORGED["fewer people"],
    "fewer people than the plan says": "UPDATE orch.change SET planned_at = clock_timestamp(),"
    """ plan = '{"gates": {"contract": {"approvals": 2}}}', approvals_needed = '{"contract": 0}'""",
    "a lifted hold": "UPDATE orch.change SET hold_reason = NULL, hold_actor = NULL, hold_at = NULL",
    "a request": "UPDATE orch.change SET requested = 'expand'",
    "an earlier plan time": "UPDATE orch.change SET planned_at = planned_at - interval '1 day'",
    "an earlier switch": "UPDATE orch.change SET switched_at = now() - interval '1 day'",
    "an opened gate": "UPDATE orch.change SET state = 'expanding', version = 2",
    "a passed phase": "UPDATE orch.change SET state = 'expanded', version = 2",
    "a jump": "UPDATE orch.change SET state = 'contracting', version = 2",
    "an abort by hand": "UPDATE orch.change SET state = 'aborting', version = 2",
    "a Change in another name": "INSERT INTO orch.change SELECT 'other', title, target, source, definition, plan,"
    " plan_sha256, approvals_needed, state, 1, 'sec_bob', now(), now(), now() FROM orch.change",
    "evidence rewritten": "UPDATE orch.evidence SET at = now()",
    "triggers": FORGED["disabled triggers"],
    "the owner": FORGED["the owner"],
    "an operator": "SET ROLE orch_operator",
}


@pytest.mark.parametrize("what", BY_WORKER)
def test_a_worker_cannot_forge_what_people_say(place: Place, worker: Registry, what: str) -> None:
    with pytest.raises(psycopg.Error) as refused:
        place.connect("sec_worker").execute(BY_WORKER[what].encode())
    assert refused.value.sqlstate in ("42501", "OR010", "OR011", "OR012", "OR013")
    assert audit(place.registry()) == []


def test_a_worker_opens_no_gate_that_lacks_approvals(place: Place, worker: Registry) -> None:
    fence = worker.acquire(ID, "worker", 60)
    for login in ("sec_ada", "sec_bob"):
        with pytest.raises(Forbidden, match="lacks"):
            worker.record(ID, Event.EXPAND_STARTED, fence=fence)
        assert _approve(place.registry(login)) == login
    assert worker.record(ID, Event.EXPAND_STARTED, fence=fence).state is State.EXPANDING
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="fixed"):
        place.connect("sec_worker").execute("DELETE FROM orch.step WHERE ordinal = 0")
    assert audit(place.registry()) == []


def test_only_the_owner_breaks_glass(place: Place, worker: Registry) -> None:
    with pytest.raises(Forbidden, match="may not break glass"):
        worker.record(ID, Event.BREAK_GLASS, {"reason": "fire"})
    owner = place.registry("sec_owner")
    owner.record(ID, Event.BREAK_GLASS, {"reason": "fire"})
    assert owner.record(ID, Event.EXPAND_STARTED).state is State.EXPANDING
    assert audit(place.registry()) == []


def test_what_an_operator_may_want(place: Place, worker: Registry) -> None:
    ada = place.registry("sec_ada")
    held = ada.record(ID, Event.HELD, {"reason": "lunch"}).hold
    assert held is not None
    assert (held.reason, held.actor) == ("lunch", "sec_ada")
    assert ada.record(ID, Event.RESUMED).hold is None
    assert ada.record(ID, Event.REQUESTED, {"gate": GateName.EXPAND.value}).requested is GateName.EXPAND
    with pytest.raises(Refused, match=r"advance\.requested cannot follow"):
        ada.record(ID, Event.REQUESTED, {"gate": GateName.CONTRACT.value})
    with pytest.raises(Refused):
        ada.record(ID, Event.UNDO_STARTED, {"reason": "x"})
    with pytest.raises(StaleView):
        ada.record(ID, Event.HELD, {"reason": "x"}, seen_version=1)
    with pytest.raises(ReasonRequired):
        ada.record(ID, Event.ABORT_STARTED, {"reason": " "})
    with pytest.raises(NotGranted):
        place.registry("sec_auditor").record(ID, Event.HELD, {"reason": "x"})
    with pytest.raises(psycopg.Error, match="no intent"):
        place.connect("sec_ada").execute("SELECT orch.record_intent('orders-email', 'expand.passed', 'x', NULL)")
    assert ada.record(ID, Event.ABORT_STARTED, {"reason": "wrong file"}).state is State.ABORTING
    assert audit(place.registry()) == []


def test_who_may_freeze_and_who_may_attest(worker: Registry, place: Place) -> None:
    until = datetime.now(UTC) + timedelta(hours=1)
    for login in ("sec_worker", "sec_auditor", "sec_nobody"):
        with pytest.raises((NotGranted, Unprivileged, Forbidden)):
            place.registry(login).freeze(until, "mine")
    place.registry("sec_ada").freeze(until, "the sale is on")
    with pytest.raises((NotGranted, Unprivileged, Forbidden)):
        worker.freeze(None, "let me through")
    said = {"deploy": "shop", "version": "2.4"}
    for login in ("sec_auditor", "sec_nobody"):
        with pytest.raises((NotGranted, Unprivileged, Forbidden)):
            place.registry(login).record(ID, Event.DEPLOYED, said)
    worker.record(ID, Event.DEPLOYED, said)
    with place.registry().reading() as connection:
        (freeze,) = freezes.standing(queries.said(connection, [OF_NONE]), queries.now(connection))
        (deploy,) = queries.deploys(queries.said(connection, [ID]))[ID]
    assert (freeze.actor, freeze.until, deploy.actor) == ("sec_ada", until, "sec_worker")
    assert audit(place.registry()) == []


def test_who_may_end_sessions_and_that_the_history_names_them(worker: Registry, place: Place) -> None:
    facts = {"target": "shop", "pid": 7}
    for login in ("sec_worker", "sec_auditor", "sec_nobody"):
        with pytest.raises((NotGranted, Unprivileged, Forbidden)):
            place.registry(login).record_cancel(facts, "mine")
    with pytest.raises(ReasonRequired):
        place.registry("sec_ada").record_cancel(facts, " ")
    place.registry("sec_ada").record_cancel(facts, "it sleeps")
    with place.registry().reading() as connection:
        last = queries.events(connection)[-1]
    assert (last.change_id, last.kind, last.actor) == (OF_NONE, "session.cancelled", "sec_ada")
    assert audit(place.registry()) == []
