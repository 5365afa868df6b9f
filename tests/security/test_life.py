"""A whole release by separate logins: one runs, two decide, one reads; nobody is a superuser."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg import sql

from migrations_meta.upgrade import separate
from orchestrator.cli import wiring
from orchestrator.cli.main import main
from orchestrator.config import Config, TargetConfig
from orchestrator.core.errors import Blocked, Invalid, Waiting
from orchestrator.service import Service
from orchestrator.worker import Sweeper
from state.model import State, Verdict
from tests.security.conftest import LOGINS, Place, make_login

CHANGE = """
change: rename-email
operations:
  - rename_column: {table: public.orders, column: email, to: customer_email}
gates:
  contract: {approvals: 2, soak: 0s}
  purge: {soak: 0s}
readers: {statements: none, reason: the servers of tests keep no statistics}
"""
ID = "rename-email"


@pytest.fixture
def shop(bare: Place) -> Place:
    """An application's table, owned by a role of its own; the worker is a member of it and may CREATE."""
    admin = bare.connect()
    separate(bare.url())
    for name, roles in LOGINS.items():
        make_login(admin, name, *roles)
    make_login(admin, "sec_shop")
    make_login(admin, "sec_runner", "orch_worker", "sec_shop")
    database = sql.Identifier(bare.database)
    admin.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO sec_runner, sec_shop").format(database))
    admin.execute("GRANT USAGE, CREATE ON SCHEMA public TO sec_shop")
    admin.execute("GRANT pg_monitor TO sec_runner")
    owner = bare.connect("sec_shop")
    owner.execute("CREATE TABLE orders (id bigint PRIMARY KEY, email text)")
    owner.execute("INSERT INTO orders SELECT n, n || '@example.org' FROM generate_series(1, 500) n")
    return bare


def _service(place: Place, login: str) -> Service:
    url = place.url(login)
    return place.stack.enter_context(Service(Config(registry_url=url, targets={"shop": TargetConfig("shop", url)})))


def test_the_whole_life_of_a_change(shop: Place) -> None:
    worker, ada, bob = (_service(shop, login) for login in ("sec_runner", "sec_ada", "sec_bob"))
    said: list[str] = []
    sweeper = Sweeper(worker, say=said.append, clock=lambda: 0.0)
    assert worker.init() == ["created schema orch_target on shop"]
    worker.submit(CHANGE, "change.yaml")
    with pytest.raises(Blocked, match=r"no member|permission denied"):
        worker.approve(ID)
    seen = []
    for _ in range(30):
        status = ada.status(ID)
        if status.state is State.COMPLETED:
            break
        if status.gate is not None:
            if status.state not in seen:
                seen.append(status.state)
                ada.request(ID)
                Sweeper(worker, say=said.append).sweep()  # takes the evidence that people decide on
            if status.state is State.SWITCHED:
                ada.approve(ID)
                with pytest.raises(Waiting, match="1 of 2 approvals"):
                    worker.advance(ID)
                bob.approve(ID)
            else:
                ada.approve(ID, reason="looked at it")
        sweeper.sweep()
        Sweeper(worker, say=said.append).sweep()
    assert ada.status(ID).state is State.COMPLETED, said
    auditor = _service(shop, "sec_auditor")
    assert auditor.audit_verify() == []
    spoken = {event.actor for event in auditor.events(ID) if event.kind == "gate.approved"}
    assert spoken == {"sec_ada", "sec_bob"}
    assert {event.actor for event in auditor.events(ID) if event.kind.startswith("step.")} == {"sec_runner"}
    assert shop.connect().execute("SELECT count(customer_email) FROM orders").fetchone() == (500,)


def test_an_operator_stops_and_takes_back(shop: Place) -> None:
    worker, ada = _service(shop, "sec_runner"), _service(shop, "sec_ada")
    worker.init()
    worker.submit(CHANGE, "change.yaml")
    ada.request(ID)
    Sweeper(worker, say=lambda _: None).sweep()
    ada.approve(ID)
    Sweeper(worker, say=lambda _: None).sweep()
    assert ada.status(ID).state is State.EXPANDED
    ada.pause(ID, reason="lunch")
    with pytest.raises(Invalid, match="may not do this"):
        ada.advance(ID)
    ada.resume(ID)
    ada.reject(ID, reason="second thoughts")
    ada.abort(ID, reason="wrong")
    Sweeper(worker, say=lambda _: None).sweep()
    assert ada.status(ID).state is State.ABORTED
    assert worker.audit_verify() == []


def test_the_verbs_of_an_operator(
    shop: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ORCH_REGISTRY_URL", raising=False)

    def orch(login: str, *arguments: str) -> int:
        monkeypatch.setenv("ORCH_URL", shop.url(login))
        wiring.root.set((None, None))
        return main(arguments)

    Path("change.yaml").write_text(CHANGE)
    assert orch("sec_runner", "init") == 0
    assert orch("sec_runner", "submit", "change.yaml") == 0
    assert orch("sec_runner", "approve", ID) == 4
    assert orch("sec_ada", "advance", ID, "--no-run") == 0
    assert orch("sec_ada", "advance", ID, "--no-run", "--wait", "1s") == 2
    assert orch("sec_runner", "worker", "--once") == 0
    assert orch("sec_ada", "approve", ID) == 0
    assert orch("sec_ada", "pause", ID, "--reason", "lunch") == 0
    assert orch("sec_ada", "resume", ID) == 0
    assert orch("sec_ada", "reject", ID, "--reason", "no") == 0
    assert orch("sec_ada", "advance", ID) == 2
    assert orch("sec_auditor", "audit", "--verify") == 0
    assert orch("sec_auditor", "pause", ID, "--reason", "x") == 4
    assert orch("sec_nobody", "status") == 2
    assert "Traceback" not in capsys.readouterr().err


def _doctor(place: Place, login: str) -> dict[str, tuple[Verdict, str, str]]:
    found = _service(place, login).doctor()
    return {each.name: (each.verdict, each.detail, each.next_step) for each in found if "registry" in each.name}


def test_doctor_says_what_the_roles_cost_and_lack(shop: Place) -> None:
    before = shop.connect()
    ada = _doctor(shop, "sec_ada")
    assert ada["registry: login sec_ada"][0] is Verdict.PASS
    assert ada["registry: roles"][0] is Verdict.PASS
    assert ada["registry: triggers"][0] is Verdict.PASS
    assert "sec_both" in ada["registry: four eyes"][1]
    assert "grants" not in " ".join(ada)
    assert "four-eyes is moot" in str(_service(shop, "sec_both").doctor())
    assert "superuser" in _doctor(shop, "postgres")["registry: login postgres"][1]
    assert "break glass" in _doctor(shop, "sec_owner")["registry: login sec_owner"][1]
    verdict, _, step = _doctor(shop, "sec_nobody")["registry"]
    assert (verdict, "GRANT orch_operator" in step) == (Verdict.FAIL, True)
    before.execute("GRANT INSERT ON orch.approval TO sec_bob; GRANT EXECUTE ON FUNCTION orch.append_event TO PUBLIC")
    before.execute("ALTER TABLE orch.event DISABLE TRIGGER append_only_row; DROP TRIGGER guard ON orch.step")
    before.execute("ALTER TABLE orch.lease OWNER TO postgres")
    worse = _doctor(shop, "sec_ada")
    assert worse["registry: grants"][0] is Verdict.FAIL
    assert "PUBLIC, sec_bob" in worse["registry: grants"][1]
    assert "event.append_only_row" in worse["registry: triggers"][1]
    assert "1 of 11 are gone" in worse["registry: triggers"][1]
    assert "lease" in worse["registry: ownership"][1]


def test_doctor_without_roles(bare: Place) -> None:
    _service(bare, "postgres").init()
    verdict, detail, step = _doctor(bare, "postgres")["registry: roles"]
    assert (verdict, step) == (Verdict.UNKNOWN, "orch init --roles")
    assert "postgres owns schema orch" in detail
