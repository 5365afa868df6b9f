"""What a gate waits for, who may open it, and what voids an approval."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import sql

from orchestrator.cli.statustext import detailed
from orchestrator.core.errors import Blocked, Stale, Waiting
from orchestrator.core.gate import Requirement
from orchestrator.core.progress import Progress
from orchestrator.service import Service
from state.model import GateName, State, Verdict
from tests.service.world import QUICK, World, service_at, source

RENAME = "rename_column: {table: orders, column: email, to: customer_email}"


def gates(**policies: str) -> str:
    """The gates of a change file: nothing is asked for but what is named."""
    free = {
        "expand": "approvals: 0",
        "backfill": "approvals: 0",
        "switch_reads": "approvals: 0",
        "contract": "soak: 0s",
    }
    return "gates: {" + ", ".join(f"{name}: {{{policy}}}" for name, policy in (free | policies).items()) + "}\n"


def spoken_for(world: World) -> tuple[str, ...]:
    """Whose approval would be refused."""
    gate = world.service.status("change").gate
    assert gate is not None
    return gate.spoken_for


def need(world: World, kind: str) -> Requirement:
    """The one requirement of a kind at the gate ahead."""
    gate = world.service.status("change").gate
    assert gate is not None
    (found,) = [each for each in gate.requirements if each.kind == kind]
    return found


Person = Callable[[str], Service]


@pytest.fixture
def person(world: World) -> Iterator[Person]:
    """A service as another login that may do what anybody here may do."""
    made: list[sql.Identifier] = []
    with ExitStack() as stack, psycopg.connect(world.url, autocommit=True) as link:

        def login(name: str) -> Service:
            role = sql.Identifier(f"{name}_of_{world.url.split('/')[-1].split('?')[0]}")
            link.execute(sql.SQL("CREATE ROLE {} LOGIN SUPERUSER").format(role))
            made.append(role)
            return stack.enter_context(world.as_role(role.as_string(None).strip('"')))

        yield login
        for role in made:
            link.execute(sql.SQL("DROP ROLE {}").format(role))


def test_every_gate_asks_for_one_approval_unless_told_otherwise(world: World) -> None:
    world.submit(RENAME, more="")
    for state in (State.EXPANDED, State.BACKFILLED, State.SWITCHED):
        assert need(world, "approval").verdict is Verdict.UNKNOWN
        with pytest.raises(Waiting) as closed:
            world.service.advance("change")
        assert closed.value.exit_code == 3
        world.service.approve("change")
        assert "self-approved" in need(world, "approval").detail
        assert world.service.advance("change").state is state
    assert need(world, "soak").detail.endswith("left of 1h")
    world.service.approve("change")
    with pytest.raises(Waiting, match="left of 1h"):
        world.service.advance("change")


def test_a_new_finding_voids_an_approval_and_the_same_findings_do_not(world: World) -> None:
    world.submit(RENAME)
    world.to(State.SWITCHED)
    world.service.approve("change")
    world.service.verify("change")
    assert need(world, "approval").verdict is Verdict.PASS
    world.run("SET session_replication_role = replica; UPDATE orders SET email = 'x' WHERE id = 7")
    world.service.verify("change")
    assert need(world, "approval").verdict is Verdict.FAIL
    assert "void" in need(world, "approval").detail
    with pytest.raises(Stale, match="shapes_agree") as stale:  # 6 goes before 4
        world.service.advance("change")
    assert stale.value.exit_code == 6
    world.run("SET session_replication_role = replica; UPDATE orders SET email = customer_email WHERE id = 7")
    world.service.verify("change")
    assert need(world, "approval").verdict is Verdict.PASS  # it is what was approved


def test_a_changed_plan_voids_an_approval(world: World) -> None:
    world.service.submit(source(RENAME, more=gates(expand="approvals: 1")), "c.yaml")
    world.service.approve("change")
    assert need(world, "approval").verdict is Verdict.PASS
    world.service.submit(source(RENAME, more=gates(expand="approvals: 1") + "park: 1d\n"), "c.yaml")
    assert need(world, "approval").verdict is Verdict.FAIL
    with pytest.raises(Stale) as stale:
        world.service.advance("change")
    assert stale.value.exit_code == 6
    world.service.approve("change")
    assert world.service.advance("change").state is State.EXPANDED


def test_an_approval_expires(world: World) -> None:
    world.submit(RENAME, more=gates(expand="approvals: 1, expires: 1s"))
    world.service.approve("change")
    assert need(world, "approval").verdict is Verdict.PASS
    time.sleep(1.1)
    with pytest.raises(Waiting):
        world.service.advance("change")
    assert world.service.status("change").state is State.PLANNED


def test_two_approvals_are_two_people_and_neither_is_the_requester(world: World, person: Person) -> None:
    world.submit(RENAME, more=gates(expand="approvals: 2"))
    with pytest.raises(Blocked) as refused:
        world.service.approve("change")
    assert refused.value.exit_code == 4
    assert spoken_for(world) == ("postgres",)
    ann, ben = person("ann"), person("ben")
    ann.approve("change")
    with pytest.raises(Blocked):
        ann.approve("change")
    assert spoken_for(world) == ("postgres", ann.identity().user)
    with pytest.raises(Waiting, match="1 of 2 approvals: ann"):
        world.service.advance("change")
    ben.approve("change")
    assert world.service.advance("change").state is State.EXPANDED


def test_a_rejection_closes_the_gate_and_says_who_and_why(world: World, person: Person) -> None:
    world.submit(RENAME, more=gates(expand="approvals: 1"))
    world.service.approve("change")
    person("ann").reject("change", reason="not on a friday")
    with pytest.raises(Waiting, match=r"rejected by ann.*: not on a friday"):
        world.service.advance("change")


def test_a_window_limits_the_start_of_a_phase(world: World) -> None:
    day = (datetime.now(UTC) + timedelta(days=3)).strftime("%a").lower()
    world.submit(RENAME, more=gates(expand=f'approvals: 0, window: "{day} 10:00-11:00"'))
    with pytest.raises(Waiting, match="closed: ") as closed:
        world.service.advance("change")
    assert closed.value.exit_code == 3
    world.submit(RENAME, more=gates(expand='approvals: 0, window: "mon-sun 00:00-00:00"'))
    assert world.service.advance("change").state is State.EXPANDED


def test_contract_soaks_from_the_moment_reads_are_switched(world: World) -> None:
    world.submit(RENAME, more=gates(contract="soak: 2s"))
    world.to(State.SWITCHED)
    switched = time.monotonic()
    world.service.approve("change")
    with pytest.raises(Waiting, match="left of 2s"):
        world.service.advance("change")
    status = world.service.advance("change", wait=10.0)
    assert status.state is State.CONTRACTED
    assert time.monotonic() - switched > 1.0


def test_what_people_say_and_check_meanwhile_does_not_start_a_soak_anew(world: World) -> None:
    world.submit(RENAME, more=gates(backfill="approvals: 1, soak: 1s"))
    world.to(State.EXPANDED)
    time.sleep(1.1)
    world.service.approve("change")
    world.service.verify("change")
    assert need(world, "soak").verdict is Verdict.PASS
    assert world.service.advance("change").state is State.BACKFILLED


def test_breaking_glass_skips_people_and_time_and_is_told(world: World) -> None:
    world.submit(RENAME, more=gates(expand="approvals: 2, soak: 1h", contract="soak: 1h"))
    assert world.service.advance("change", break_glass="the site is down").state is State.EXPANDED
    (event,) = [event for event in world.service.events("change") if event.kind == "break_glass.used"]
    assert event.data == {"reason": "the site is down", "gate": "expand", "skipped": ["approvals", "soak"]}
    world.to(State.SWITCHED)
    world.service.advance("change", break_glass="still down")
    assert world.service.status("change").state is State.CONTRACTED
    assert world.service.audit_verify() == []


def test_glass_that_was_broken_is_loud_until_the_change_is_over(world: World) -> None:
    world.submit(RENAME, more=gates(expand="approvals: 2"))
    world.service.advance("change", break_glass="the site is down")
    status = world.service.status("change")
    assert status.why.startswith("GLASS BROKEN at expand; ")
    (glass,) = status.to_json()["glass"]
    assert (glass["actor"], glass["reason"], glass["skipped"]) == ("postgres", "the site is down", ["approvals"])
    text = " ".join(" ".join(detailed(status)).split())
    assert "GLASS expand without approvals, by postgres at" in text
    assert world.service.statuses()[0].why == status.why


def test_what_an_approval_is_void_for_is_said(world: World) -> None:
    world.submit(RENAME, more=gates())
    world.to(State.SWITCHED)
    world.service.approve("change")
    world.run("SET session_replication_role = replica; UPDATE orders SET email = 'x' WHERE id IN (7, 8)")
    world.service.verify("change")
    assert need(world, "approval").detail.endswith("void: shapes_agree:public.orders.email=customer_email 0 → 2")
    world.run("SET session_replication_role = replica; UPDATE orders SET email = customer_email WHERE id IN (7, 8)")
    world.service.verify("change")
    assert "void" not in need(world, "approval").detail


def test_breaking_glass_never_skips_a_check_or_a_hold(world: World) -> None:
    world.submit(RENAME)
    world.to(State.SWITCHED)
    world.service.pause("change", reason="wait for me")
    with pytest.raises(Waiting, match="wait for me"):
        world.service.advance("change", break_glass="hurry")
    world.service.resume("change")
    world.run("SET session_replication_role = replica; UPDATE orders SET email = 'x' WHERE id = 7")
    world.service.verify("change")
    with pytest.raises(Blocked, match="id=7") as refused:
        world.service.advance("change", break_glass="hurry")
    assert refused.value.exit_code == 4
    assert "break_glass.used" not in world.kinds()
    assert world.service.status("change").state is State.SWITCHED


@pytest.mark.parametrize("operation", [RENAME, "set_not_null: {table: orders, column: note}"])
def test_a_held_change_moves_nowhere_not_even_past_empty_phases(world: World, operation: str) -> None:
    world.submit(operation)
    world.service.pause("change", reason="not now")
    for break_glass in (None, "hurry"):
        with pytest.raises(Waiting, match="not now") as held:
            world.service.advance("change", break_glass=break_glass)
        assert held.value.exit_code == 3
    status = world.service.status("change")
    assert (status.state, status.attention.value) == (State.PLANNED, "PAUSED")


def test_the_changes_own_queries_are_asked_and_read_only(world: World) -> None:
    sly = "select 1; commit; set default_transaction_read_only = off; commit; drop table public.orders"
    world.submit(
        RENAME,
        more=QUICK + "verify:\n"
        "  - {name: empty, sql: select count(*) from orders where customer_email = '', expect: 0}\n"
        f"  - {{name: sly, sql: '{sly}', expect: 1}}\n",
    )
    world.to(State.BACKFILLED)
    found = {finding.name: finding for finding in world.service.verify("change").findings}
    assert found["verify:empty"].verdict is Verdict.PASS
    assert found["verify:sly"].verdict is Verdict.UNKNOWN
    assert world.rows("SELECT count(*) FROM orders") == [(300,)]
    with pytest.raises(Blocked, match="verify:sly") as refused:
        world.service.advance("change")
    assert refused.value.exit_code == 4


def test_old_evidence_is_taken_again_before_a_gate_opens(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestrator import gates as asked
    from orchestrator.core import gate as judged

    world.submit(RENAME)
    world.to(State.BACKFILLED)
    world.service.verify("change")
    for room in (asked, judged):
        monkeypatch.setattr(room, "EVIDENCE_MAX_AGE", timedelta(seconds=1))
    time.sleep(1.1)
    told: list[str] = []

    def listen(progress: Progress) -> None:
        told.append(progress.kind)

    world.service.advance("change", listen=listen)
    assert "check" in told
    assert world.service.status("change").state is State.SWITCHED


def test_an_approval_of_what_was_not_seen_is_refused(world: World) -> None:
    world.submit(RENAME, more=gates(expand="approvals: 1"))
    seen = world.service.status("change").version
    world.service.pause("change", reason="x")
    world.service.resume("change")
    with pytest.raises(Stale):
        world.service.approve("change", version=seen)
    with pytest.raises(Blocked, match="waits at the expand gate"):
        world.service.approve("change", gate=GateName.CONTRACT)


def test_another_worker_may_run_what_nobody_runs(world: World) -> None:
    """What a worker may run: ready gates, contract only on request, nothing that is held."""
    world.submit(RENAME)
    with service_at(world.url) as worker:
        assert worker.ready() == ["change"]
        world.service.pause("change", reason="x")
        assert worker.ready() == []
        world.service.resume("change")
        world.to(State.SWITCHED)
        world.service.approve("change")
        assert worker.ready() == []
        world.service.request("change")
        assert worker.ready() == ["change"]
