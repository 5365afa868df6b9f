"""The Registry or the Target has lost its last commits: it is noticed before anything is touched, and the history tells.

Every pair of moments is tried elsewhere (``make attack``); here are those that differ in what must be told.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from migrations_meta.upgrade import separate
from orchestrator.core.errors import Blocked, Indeterminate, OrchError, Waiting
from orchestrator.core.progress import Progress
from orchestrator.embedded import Server
from orchestrator.service import Service
from state.model import GateName, State
from tests.security.conftest import make_login
from tests.service.world import World, service_at, shape
from tests.support.moments import Recorded, fault_of, recorded, together

PLANNED, EXPANDED, _, SWITCHED, CONTRACTED, _, _, _, UNSWITCHED, _, PARKED, COMPLETED = range(12)
"""The moments of "there and back and there" at which it rests."""


@pytest.fixture(scope="module")
def recording(
    server: Server, maintenance: psycopg.Connection[Any], template: str, worker_id: str
) -> Iterator[Recorded]:
    with recorded(server, maintenance, template, worker_id, "there and back and there", often=False) as made:
        yield made


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        (PLANNED, CONTRACTED),
        (CONTRACTED, UNSWITCHED),
        (UNSWITCHED, CONTRACTED),
        (COMPLETED, EXPANDED),
    ],
)
def test_a_pair_of_moments_comes_to_a_right_end(recording: Recorded, known: int, shown: int) -> None:
    assert fault_of(recording, recording.moments[known], recording.moments[shown]) is None


@contextmanager
def _service(recording: Recorded, known: int, shown: int) -> Iterator[tuple[Service, str, str]]:
    registry, target = together(recording, recording.moments[known], recording.moments[shown])
    with service_at(registry, target) as service:
        yield service, registry, target


def _told(service: Service) -> list[str]:
    return [event.kind for event in service.events("change")]


def test_a_registry_that_fell_behind_gives_no_fence_twice_and_takes_over_what_is_done(recording: Recorded) -> None:
    with _service(recording, SWITCHED, CONTRACTED) as (service, _registry, target):
        with psycopg.connect(target, autocommit=True) as link:
            before = link.execute("SELECT fence FROM orch_target.fence").fetchone()
            assert service.advance("change").state is State.CONTRACTED
            after = link.execute("SELECT fence FROM orch_target.fence").fetchone()
            assert before is not None
            assert after == (before[0] + 1,)
            link.execute("UPDATE orders SET remark = 'still written' WHERE id = 3")
        acquired = [event for event in service.events("change") if event.kind == "lease.acquired"][-1]
        assert acquired.data["fence"] == acquired.data["target_fence"] + 1
        last = _told(service)[_told(service).index("switch_reads.finished") :]
        kinds = [kind for kind in last if kind not in ("lease.acquired", "lease.released", "evidence.recorded")]
        assert kinds[1:] == ["contract.started", "step.found", "contract.parked", "registry.behind"]
        assert service.audit_verify() == []


def test_a_target_that_lost_contract_sends_the_change_back_to_its_gate(recording: Recorded) -> None:
    with _service(recording, CONTRACTED, SWITCHED) as (service, _registry, _target):
        assert service.advance("change").state is State.SWITCHED
        assert _told(service)[-4:-1] == ["undo.started", "step.undone", "undo.finished"]
        with pytest.raises(Waiting, match="approval"):
            service.advance("change")
        assert service.audit_verify() == []


def test_the_ends_are_compared_with_the_target_too(recording: Recorded) -> None:
    with _service(recording, COMPLETED, PARKED) as (service, _registry, target):
        assert service.advance("change").state is State.COMPLETED
        assert [kind for kind in _told(service) if kind.startswith("step.")][-3:] == [
            "step.lost",
            "step.started",
            "step.done",
        ]
        with psycopg.connect(target) as link:
            assert (
                link.execute("SELECT attname::text FROM pg_attribute WHERE attname LIKE '_orch_parked%'").fetchall()
                == []
            )
        told = _told(service)
        assert service.advance("change").state is State.COMPLETED
        assert _told(service) == told, "an end that agrees is left alone"


@pytest.mark.parametrize("shown", [PLANNED, EXPANDED, SWITCHED, CONTRACTED])
def test_workers_that_die_while_they_bring_an_end_about_again(recording: Recorded, shown: int) -> None:
    """Each has recorded that one more step is gone, and does not come to bringing it about."""

    class Died(Exception):
        pass

    with _service(recording, COMPLETED, shown) as (service, _registry, target):
        survived: set[int] = set()

        def listen(progress: Progress) -> None:
            if progress.message.startswith("was done and is gone") and progress.ordinal not in survived:
                survived.add(progress.ordinal or 0)
                raise Died

        for _ in range(20):
            try:
                assert service.advance("change", listen=listen).state is State.COMPLETED
                break
            except Died:
                continue
        assert survived
        with psycopg.connect(target) as link:
            assert shape(link) == recording.after
        assert service.audit_verify() == []


def test_a_completed_change_that_may_not_be_contracted_again_is_for_a_person(recording: Recorded) -> None:
    with _service(recording, COMPLETED, SWITCHED) as (service, _registry, target):
        with psycopg.connect(target, autocommit=True) as link:
            link.execute("SET session_replication_role = replica; UPDATE orders SET note = 'drifted' WHERE id = 3")
            with pytest.raises(Indeterminate, match=r"1 of \d+ rows differ") as caught:
                service.advance("change")
            assert caught.value.exit_code == 7
            assert "orch advance change" in caught.value.next_step
            link.execute("UPDATE orders SET note = remark WHERE id = 3")
        assert service.advance("change").state is State.COMPLETED


def test_an_end_that_registry_and_target_lost_in_different_ways_is_for_a_person(recording: Recorded) -> None:
    """The target has seen a later run than the registry knows of, and lacks what the registry has recorded as purged."""
    with _service(recording, COMPLETED, EXPANDED) as (service, _registry, target):
        with psycopg.connect(target, autocommit=True) as link:
            link.execute("UPDATE orch_target.fence SET fence = fence + 20")
            before = shape(link)
            for _ in range(2):
                with pytest.raises(Indeterminate, match="is completed, and the target does not show") as caught:
                    service.advance("change")
                assert caught.value.exit_code == 7
                assert "both agree; then orch advance change" in caught.value.next_step
            assert shape(link) == before, "nothing is touched that a person must judge"
        assert service.audit_verify() == []


def test_consent_that_the_registry_lost_is_asked_for_again_where_roles_are_in_force(recording: Recorded) -> None:
    """The target is contracted, the approval of it lost: whoever runs changes cannot say that people agreed."""
    with _service(recording, SWITCHED, CONTRACTED) as (people, registry, target):
        separate(registry)
        with psycopg.connect(registry, autocommit=True) as admin:
            make_login(admin, "lost_worker", "orch_worker")
        with psycopg.connect(target, autocommit=True) as link:
            before = shape(link)
            with service_at(registry.replace("postgres@", "lost_worker@"), target) as worker:
                with pytest.raises(Indeterminate, match="with them the approvals of it") as caught:
                    worker.advance("change")
                assert caught.value.exit_code == 7
                assert "orch approve change --gate contract" in caught.value.next_step
                people.approve("change", gate=GateName.CONTRACT)
                assert worker.advance("change").state is State.CONTRACTED
            assert shape(link) == before
        assert people.audit_verify() == []


def test_steps_of_another_plan_are_for_a_person(world: World) -> None:
    world.submit("rename_column: {table: orders, column: note, to: remark}")
    world.run(
        "INSERT INTO orch_target.marker (step_id, fence, plan_sha256, done_at) VALUES ('change:0123456789ab:1', 3, 'x', now())"
    )
    with pytest.raises(Indeterminate, match="another plan of change") as caught:
        world.step()
    assert "restore the registry" in caught.value.next_step
    assert world.kinds()[-1] == "lease.released"


def test_what_going_back_would_lose_is_asked_where_it_is_carried_out(world: World) -> None:
    """An operator may record the intent without our client; then the run refuses, before it takes anything back."""
    world.submit("change_type: {table: orders, column: quantity, type: bigint, to: quantity_big}")
    world.to(State.SWITCHED)
    world.run("INSERT INTO orders (email, quantity_big) VALUES ('big', 5000000000)")
    with pytest.raises(Blocked, match="would lose values"):
        world.service.abort("change", reason="a test says so")
    world.run("SELECT orch.record_intent('change', 'abort.started', 'past the client', NULL)")
    before = world.seen()
    for _ in range(2):
        with pytest.raises(OrchError, match="would lose values that only quantity_big") as caught:
            world.service.advance("change")
        assert caught.value.exit_code == 4
        assert caught.value.next_step.endswith("then orch advance change")
    assert world.seen() == before
    world.run("UPDATE orders SET quantity_big = 7 WHERE email = 'big'")
    assert world.service.advance("change").state is State.ABORTED
    assert world.rows("SELECT quantity FROM orders WHERE email = 'big'") == [(7,)]
