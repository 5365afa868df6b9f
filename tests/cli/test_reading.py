"""What the reading verbs print, for people and for programs."""

import json
from pathlib import Path

import pytest

from orchestrator.core.view import Diagnosis
from state.model import EventRow, State, Verdict
from tests.cli.conftest import Orch
from tests.cli.fakes import ESCAPE, FakeService, a_gate, a_plan, a_status, some_evidence


def fits(text: str, *, but: str = "\0") -> bool:
    return all(len(line) <= 80 for line in text.splitlines() if but not in line)


def test_status_lists_changes_within_80_columns(service: FakeService, orch: Orch) -> None:
    service.answers["statuses"] = [a_status(hold=None), a_status(change="b", state=State.COMPLETED)]
    ran = orch("status")
    assert ran.code == 0
    assert ran.out == (
        "‖ GATE     orders-customer-email  switched, shop\n"
        "           1 of 2 approvals: alice [31m\n"
        "✔ DONE     b                      completed, shop\n"
        "           completed\n"
    )
    assert service.closed


def test_status_without_changes_says_how_to_begin(service: FakeService, orch: Orch) -> None:
    service.answers["statuses"] = []
    assert orch("status").out == "no changes yet; orch submit FILE begins one\n"
    assert json.loads(orch("status", "--json").out) == []


def test_status_of_one_change_shows_everything_at_80_columns(service: FakeService, orch: Orch) -> None:
    service.answers["status"] = a_status()
    out = orch("status", "orders-customer-email").out
    assert fits(out)
    for part in (
        "■ PAUSED   switched, target shop, version 12",
        "held by bob: lunch",
        f"evidence   {'e' * 64}",
        "worker@host, fence 7, since 0s, 12s more unless renewed",
        "gate contract: closed",
        "✔ pass    shapes_agree",
        "? unknown approvals",
        "public.orders: 99%, 999 of about 1,000 rows, 81,000 rows/s",
        "waits: replica lag",
        "✔ done    1. copy every value",
        "▶ running 2. copy",
        "attempt 3: 55P03 lock_not_available",
    ):
        assert part in out
    assert "\x1b" not in out


def test_status_json_is_the_read_model(service: FakeService, orch: Orch) -> None:
    status = a_status()
    service.answers |= {"status": status, "statuses": [status]}
    assert json.loads(orch("status", "x", "--json").out) == status.to_json()
    assert json.loads(orch("status", "--json").out) == [status.to_json(steps=False)]


def test_plan_shows_sql_lock_and_undo(service: FakeService, orch: Orch, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("change: x\n")
    service.answers["plan"] = a_plan()
    ran = orch("plan", str(file))
    assert fits(ran.out)
    for part in (
        f"plan {'a' * 64}",
        "note: read me",
        "  1. add public.orders.customer_email",
        "     lock  ACCESS EXCLUSIVE on public.orders; no rewrite, no scan",
        "     sql   alter table public.orders\n               add column customer_email text",
        "     undo  alter table public.orders drop column customer_email",
        "     lock  none; rewrites the table, scans the table",
        "     undo  by orch undo",
        "contract parks nothing: it cannot be undone",
    ):
        assert part in ran.out
    assert service.calls[0][1] == ("change: x\n", str(file))
    assert json.loads(orch("plan", str(file), "--json").out) == json.loads(json.dumps(a_plan().to_json()))


@pytest.mark.parametrize(("verdict", "code"), [(Verdict.PASS, 0), (Verdict.FAIL, 4), (Verdict.UNKNOWN, 4)])
def test_verify_is_refused_unless_all_pass(service: FakeService, orch: Orch, verdict: Verdict, code: int) -> None:
    service.answers["verify"] = some_evidence(verdict)
    ran = orch("verify", "x", "--check", "shapes_agree", "--check", "other")
    assert ran.code == code
    assert verdict.value in ran.out
    assert "for example 17, 23" in ran.out
    assert service.asked("verify")["checks"] == ["shapes_agree", "other"]
    as_json = orch("verify", "x", "--json")
    assert as_json.code == code
    assert json.loads(as_json.out)["findings"][0]["verdict"] == verdict.value


def an_event() -> EventRow:
    return EventRow(
        7, "x", "2026-01-02T03:04:05Z", "alice", "gate.approved", {"gate": f"a{ESCAPE}"}, "{}", "0" * 64, "1" * 64
    )


def test_audit_prints_the_history(service: FakeService, orch: Orch) -> None:
    service.answers["events"] = [an_event()]
    ran = orch("audit", "x", "--after", "3", "--limit", "10")
    assert "7  2026-01-02T03:04:05Z  gate.approved" in ran.out
    assert "x by alice: gate a [31m" in ran.out
    assert service.calls[0] == ("events", ("x",), {"after": 3, "limit": 10})
    (event,) = json.loads(orch("audit", "--json").out)
    assert set(event) >= {"seq", "at", "actor", "kind", "data", "prev_sha256", "sha256"}


def test_audit_verify_is_refused_when_the_chain_is_broken(service: FakeService, orch: Orch) -> None:
    from orchestrator.core.audit import Problem

    service.answers["audit_verify"] = []
    assert orch("audit", "--verify").code == 0
    assert json.loads(orch("audit", "--verify", "--json").out) == {"intact": True, "problems": []}
    service.answers["audit_verify"] = [a_problem(Problem)]
    ran = orch("audit", "--verify")
    assert ran.code == 4
    assert "rewritten" in ran.out
    assert json.loads(orch("audit", "--verify", "--json").out)["intact"] is False


def a_problem(kind: type) -> object:
    from dataclasses import fields

    given = {field.name: "rewritten" if field.type == "str" else 7 for field in fields(kind)}
    return kind(**given)


def test_doctor_says_what_to_do(service: FakeService, orch: Orch) -> None:
    service.answers["doctor"] = [
        Diagnosis("connection", Verdict.PASS, "PostgreSQL 16", "nothing"),
        Diagnosis("clock", Verdict.UNKNOWN, "", "look"),
    ]
    ran = orch("doctor")
    assert ran.code == 0
    assert "next: look" in ran.out
    assert "nothing" not in ran.out
    service.answers["doctor"] = [Diagnosis("rights", Verdict.FAIL, "no CREATE", "grant it")]
    assert orch("doctor").code == 4
    assert json.loads(orch("doctor", "--json").out)[0]["verdict"] == "fail"


def test_schema_needs_no_configuration(orch: Orch) -> None:
    assert "rename_column" in json.loads(orch("schema").out)["$defs"]


def test_a_ready_gate_is_open(service: FakeService, orch: Orch) -> None:
    service.answers["status"] = a_status(gate=a_gate(ready=True), hold=None, lease=None)
    assert "gate contract: open" in orch("status", "x").out
