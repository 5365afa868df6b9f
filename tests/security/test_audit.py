"""Whoever rewrites what was written is found: by the chain, by the rows, by the anchor that was kept outside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from orchestrator.cli import wiring
from orchestrator.cli.main import main
from orchestrator.config import Config, TargetConfig
from orchestrator.core.errors import Blocked, Invalid
from orchestrator.service import Service
from state.digest import NO_FINDINGS
from state.model import Event, Finding, GateName, Verdict
from tests.security.conftest import Place
from tests.state.conftest import new, new_steps

ID = "orders-email"
PLAN = new().plan_sha256


@pytest.fixture
def service(place: Place) -> Service:
    """A Registry with a history of several people, as its auditor sees it."""
    worker, ada = place.registry("sec_worker"), place.registry("sec_ada")
    worker.submit(new(approvals_needed={"contract": 2}), new_steps())
    finding = Finding("n", "d", Verdict.PASS, samples=("7",))
    digest = worker.record_evidence(ID, GateName.EXPAND, [finding], PLAN).sha256
    ada.decide_gate(ID, GateName.EXPAND, "approve", plan_sha256=PLAN, evidence_sha256=digest, reason="fine")
    fence = worker.acquire(ID, "w", 60)
    worker.record(ID, Event.EXPAND_STARTED, fence=fence)
    worker.step_started(ID, 0, fence)
    worker.step_done(ID, 0, fence)
    ada.record(ID, Event.HELD, {"reason": "lunch"})
    url = place.url("sec_auditor")
    return place.stack.enter_context(Service(Config(registry_url=url, targets={"t": TargetConfig("t", url)})))


def _by_force(place: Place, statement: str) -> None:
    """As a superuser who knows what stands in the way."""
    admin = place.connect()
    for table in ("event", "approval", "evidence", "change"):
        admin.execute(f"ALTER TABLE orch.{table} DISABLE TRIGGER USER")
    admin.execute(statement.encode())


TAMPERED = {
    "an edited payload": "UPDATE orch.event SET payload = replace(payload, ': ', ':  ') WHERE seq = {seq}",
    "an edited column": "UPDATE orch.event SET actor = 'sec_bob', at = 'x', kind = 'y' WHERE seq = {seq}",
    "a removed event": "DELETE FROM orch.event WHERE seq = {seq}",
    "two events in another order": "UPDATE orch.event SET seq = -seq WHERE seq IN ({seq}, {next});"
    " UPDATE orch.event SET seq = {seq} + {next} + seq WHERE seq < 0",
    "an inserted event": "UPDATE orch.event SET seq = -seq WHERE seq > {seq};"
    " UPDATE orch.event SET seq = 1 - seq WHERE seq < 0; INSERT INTO orch.event"
    " SELECT {next}, change_id, at, actor, kind, payload, sha256, 'x' FROM orch.event WHERE seq = {seq}",
}


@pytest.mark.parametrize("what", TAMPERED)
def test_every_event_is_watched(place: Place, service: Service, what: str) -> None:
    """Each event in turn, inside a transaction that is rolled back."""
    assert service.audit_verify() == []
    length = len(service.events())
    assert length >= 8
    for seq in range(1, length + 1):
        if "order" in what and seq == length:
            continue
        saved = place.connect().execute("SELECT * FROM orch.event ORDER BY seq").fetchall()
        _by_force(place, TAMPERED[what].format(seq=seq, next=seq + 1))
        assert service.audit_verify() != [], seq
        admin = place.connect()
        admin.execute("DELETE FROM orch.event")
        for row in saved:
            admin.execute("INSERT INTO orch.event VALUES (%s, %s, %s, %s, %s, %s, %s, %s)", row)
        assert service.audit_verify() == []


ROWS = {
    "findings": (
        "UPDATE orch.evidence SET findings = jsonb_set(findings, '{0,mismatches}', '9')",
        "does not have the findings",
    ),
    "evidence digest": ("UPDATE orch.evidence SET sha256 = 'x'", "is not in the history"),
    "evidence plan": ("UPDATE orch.evidence SET plan_sha256 = 'x'", "is not in the history"),
    "evidence made young": ("UPDATE orch.evidence SET at = at + interval '1 hour'", "is dated"),
    "removed evidence": ("DELETE FROM orch.evidence", "tells of evidence at expand, but the row of it is gone"),
    "a longer approval": (
        "UPDATE orch.approval SET expires_at = expires_at + interval '1 day'",
        "not in the history",
    ),
    "another reason": ("UPDATE orch.approval SET reason = 'never mind'", "not in the history"),
    "a later approval": ("UPDATE orch.approval SET at = at + interval '1 hour'", "is dated"),
    "a removed approval": ("DELETE FROM orch.approval", "sec_ada said approve at expand, but the row of it is gone"),
    "a hold's reason": ("UPDATE orch.change SET hold_reason = 'dinner'", "its hold is 'sec_ada: dinner'"),
    "a hold's actor": ("UPDATE orch.change SET hold_actor = 'sec_bob'", "its hold is 'sec_bob: lunch'"),
    "fewer people": ("UPDATE orch.change SET approvals_needed = '{}'", "its gates ask for {} approvals"),
    "a requester": ("UPDATE orch.change SET requester = 'sec_bob'", "its requester is 'sec_bob'"),
    "an earlier switch": ("UPDATE orch.change SET switched_at = now() - interval '1 day'", "its switched_at is"),
}


@pytest.mark.parametrize("what", ROWS)
def test_rows_beside_the_history_are_compared(place: Place, service: Service, what: str) -> None:
    statement, words = ROWS[what]
    _by_force(place, statement)
    assert any(words in problem.sentence for problem in service.audit_verify())


def test_the_session_time_zone_does_not_matter(place: Place, service: Service) -> None:
    admin = place.connect()
    admin.execute("ALTER ROLE ALL IN DATABASE {} SET TimeZone = 'Asia/Kathmandu'".format(f'"{place.database}"'))
    admin.execute("ALTER ROLE ALL IN DATABASE {} SET DateStyle = 'SQL, DMY'".format(f'"{place.database}"'))
    ada = place.connect("sec_bob")
    assert ada.execute("SHOW TimeZone").fetchone() == ("Asia/Kathmandu",)
    ada.execute("SELECT orch.record_intent('orders-email', 'hold.set', 'tea', NULL)")
    recomputed = """
        SELECT count(*) FROM orch.event
        WHERE sha256 <> encode(sha256(convert_to(prev_sha256 || payload, 'UTF8')), 'hex')"""
    assert ada.execute(recomputed).fetchone() == (0,)
    fresh = place.url("sec_auditor")
    with Service(Config(registry_url=fresh, targets={"t": TargetConfig("t", fresh)})) as again:
        assert again.audit_verify() == []


def rewritten(link: psycopg.Connection[Any], change: Callable[[dict[str, Any]], None]) -> None:
    """The whole chain anew, head included: what a superuser can do and nothing inside shows."""
    before = "0" * 64
    for seq, payload in link.execute("SELECT seq, payload FROM orch.event ORDER BY seq").fetchall():
        told = json.loads(payload)
        change(told)
        text = json.dumps(told)
        digest = hashlib.sha256((before + text).encode()).hexdigest()
        link.execute(
            "UPDATE orch.event SET payload = %s, prev_sha256 = %s, sha256 = %s, actor = %s WHERE seq = %s",
            [text, before, digest, told["actor"], seq],
        )
        before = digest
    link.execute("UPDATE orch.event_head SET sha256 = %s", [before])


def _rewrite(place: Place) -> None:
    _by_force(place, "UPDATE orch.approval SET approver = 'sec_bob'")

    def change(told: dict[str, Any]) -> None:
        if told["kind"] == "gate.approved":
            told["actor"] = "sec_bob"

    rewritten(place.connect(), change)


def test_a_wholly_recomputed_chain_is_found_by_the_anchor(place: Place, service: Service, tmp_path: Path) -> None:
    file = tmp_path / "anchor.json"
    kept = service.audit_anchor(str(file))
    assert set(json.loads(file.read_text())) == {"seq", "sha256", "at", "registry"}
    assert kept.registry["database"] == place.database
    place.registry("sec_ada").record(ID, Event.RESUMED)
    assert service.audit_verify(anchor=str(file)) == []
    _rewrite(place)
    assert service.audit_verify() == []
    (problem,) = service.audit_verify(anchor=str(file))
    assert (problem.seq, "written anew" in problem.sentence) == (kept.seq, True)
    before = file.read_text()
    with pytest.raises(Blocked, match="is left as it is"):
        service.audit_anchor(str(file))
    assert file.read_text() == before


def test_a_cut_chain_is_found_by_the_anchor(place: Place, service: Service, tmp_path: Path) -> None:
    file = str(tmp_path / "anchor.json")
    service.audit_anchor(file)
    _by_force(place, "DELETE FROM orch.event WHERE seq = (SELECT max(seq) FROM orch.event)")
    assert any("there is no such event" in str(problem) for problem in service.audit_verify(anchor=file))


def test_an_anchor_moves_on_with_the_chain(place: Place, service: Service, tmp_path: Path) -> None:
    file = str(tmp_path / "anchor.json")
    first = service.audit_anchor(file)
    place.registry("sec_ada").record(ID, Event.RESUMED)
    assert service.audit_anchor(file).seq == first.seq + 1
    assert list(tmp_path.iterdir()) == [tmp_path / "anchor.json"]


def test_a_broken_history_is_not_anchored_and_strange_files_are_named(
    place: Place, service: Service, tmp_path: Path
) -> None:
    strange = tmp_path / "strange.json"
    for content in ("", "[]", '{"seq": 1}', '{"seq": "x", "sha256": "", "at": "", "registry": {}}'):
        strange.write_text(content)
        for verb in (service.audit_anchor, lambda path: service.audit_verify(anchor=path)):
            with pytest.raises(Invalid, match="is no anchor"):
                verb(str(strange))
    with pytest.raises(Invalid, match="No such file"):
        service.audit_verify(anchor=str(tmp_path / "none"))
    with pytest.raises(Invalid, match="No such file"):
        service.audit_anchor(str(tmp_path / "no" / "where"))
    _by_force(place, "UPDATE orch.change SET requester = 'sec_bob'")
    with pytest.raises(Blocked, match="does not verify"):
        service.audit_anchor(str(tmp_path / "new.json"))
    assert not (tmp_path / "new.json").exists()


def test_the_verb_exits_4(
    place: Place,
    service: Service,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ORCH_REGISTRY_URL", raising=False)
    monkeypatch.setenv("ORCH_URL", place.url("sec_auditor"))
    wiring.root.set((None, None))
    assert main(["audit", "--anchor", "a.json"]) == 0
    assert main(["audit", "--verify", "--anchor", "a.json"]) == 0
    _rewrite(place)
    assert main(["audit", "--verify"]) == 0
    assert main(["audit", "--verify", "--anchor", "a.json"]) == 4
    assert "written anew" in " ".join(capsys.readouterr().out.split())
    assert main(["audit", "--anchor", "a.json"]) == 4
    assert main(["audit", "--verify", "--anchor", "none.json"]) == 2


def test_the_same_evidence_twice_is_two_rows_and_two_events(place: Place, service: Service) -> None:
    worker = place.registry("sec_worker")
    for _ in range(2):
        assert worker.record_evidence(ID, GateName.EXPAND, [], PLAN).sha256 == NO_FINDINGS
    assert service.audit_verify() == []
    _by_force(
        place,
        f"DELETE FROM orch.evidence WHERE id = (SELECT max(id) FROM orch.evidence WHERE sha256 = '{NO_FINDINGS}')",
    )
    assert len(service.audit_verify()) == 1
