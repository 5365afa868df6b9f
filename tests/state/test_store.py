"""Submitting, the lease, the steps: each fact with its event, or neither."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from state import queries, recording
from state.digest import plan_sha256
from state.errors import Busy, ConflictingChange, FenceLost, StaleView, UnknownChange, Unreachable
from state.machine import Refused
from state.model import BackfillRow, Event, Finding, GateName, RegistryEvent, State, StepStatus, Verdict
from state.store import RECORDABLE, Registry
from tests.state.conftest import audit, new, new_steps

Connect = Callable[..., psycopg.Connection[Any]]
ID = "orders-email"


@pytest.fixture
def submitted(registry: Registry) -> Registry:
    registry.submit(new(), new_steps())
    return registry


@pytest.fixture
def running(submitted: Registry) -> tuple[Registry, int]:
    fence = submitted.acquire(ID, "me", 60)
    submitted.record(ID, Event.EXPAND_STARTED, fence=fence)
    return submitted, fence


def _kinds(registry: Registry) -> list[str]:
    """Of all Changes; the Registry's own first event says where it is at home."""
    with registry.reading() as connection:
        first, *others = [event.kind for event in queries.events(connection)]
    assert first == RegistryEvent.HOME
    return others


def _expire(connect: Connect) -> None:
    connect().execute("UPDATE orch.lease SET expires_at = clock_timestamp() - interval '1 s' WHERE owner IS NOT NULL")


def test_the_same_file_again_changes_nothing(submitted: Registry) -> None:
    row, changed = submitted.submit(new(source="# a remark\n"), new_steps())
    assert (row.version, changed) == (1, False)
    assert _kinds(submitted) == ["change.submitted"]


def test_a_changed_file_replaces_the_plan_while_planned(submitted: Registry) -> None:
    plan = {"steps": [1]}
    row, changed = submitted.submit(new(plan=plan, definition={"other": 1}, title="Other"), new_steps(count=1))
    assert (row.version, row.title, row.plan_sha256, changed) == (2, "Other", plan_sha256(plan), True)
    with submitted.reading() as connection:
        assert len(queries.steps(connection, ID)) == 1
        assert queries.change(connection, ID) == row
    assert audit(submitted) == []


def test_later_a_changed_file_is_refused_and_the_same_is_not(running: tuple[Registry, int]) -> None:
    registry, _ = running
    with pytest.raises(ConflictingChange, match=r"expanding.*orch abort"):
        registry.submit(new(definition={"other": 1}), new_steps())
    assert registry.submit(new(plan={"now": "planned against our own steps"}), new_steps())[1] is False


def test_two_submit_at_once(registry: Registry) -> None:
    with ThreadPoolExecutor(4) as pool:
        changed = list(pool.map(lambda _: registry.submit(new(), new_steps())[1], range(8)))
    assert sorted(changed) == [False] * 7 + [True]
    assert _kinds(registry) == ["change.submitted"]


def test_a_live_lease_is_busy_and_an_expired_one_is_taken(submitted: Registry, connect: Connect) -> None:
    assert submitted.acquire(ID, "me", 60) == 1
    with pytest.raises(Busy, match="run by me") as busy:
        submitted.acquire(ID, "you", 60)
    assert busy.value.lease.owner == "me"
    assert 50 < busy.value.seconds_left <= 60
    _expire(connect)
    assert submitted.renew(ID, 1, 60) is False
    assert submitted.acquire(ID, "you", 60) == 2
    with submitted.reading() as connection:
        view = queries.lease(connection, ID)
    assert (view.held, view.lease.owner, view.lease.fence) == (True, "you", 2)
    assert submitted.renew(ID, 1, 60) is False
    assert submitted.renew(ID, 2, 60) is True


def test_a_lease_is_renewed_while_every_other_connection_is_taken(submitted: Registry) -> None:
    fence = submitted.acquire(ID, "me", 60)
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(submitted.reading())
        assert submitted.renew(ID, fence, 60)


def test_only_the_holder_releases(submitted: Registry) -> None:
    fence = submitted.acquire(ID, "me", 60)
    submitted.release(ID, fence + 1)
    submitted.release(ID, fence)
    submitted.release(ID, fence)
    assert _kinds(submitted)[1:] == ["lease.acquired", "lease.released"]
    assert submitted.acquire(ID, "you", 60) == fence + 1


def test_one_of_many_gets_the_lease(submitted: Registry) -> None:
    def grab(number: int) -> int | None:
        try:
            return submitted.acquire(ID, f"worker {number}", 60)
        except Busy:
            return None

    with ThreadPoolExecutor(8) as pool:
        fences = [fence for fence in pool.map(grab, range(8)) if fence is not None]
    assert fences == [1]


ZOMBIE: dict[str, Callable[[Registry, int], object]] = {
    "record": lambda r, f: r.record(ID, Event.EXPAND_FINISHED, fence=f),
    "step_started": lambda r, f: r.step_started(ID, 1, f),
    "step_done": lambda r, f: r.step_done(ID, 0, f),
    "step_failed": lambda r, f: r.step_failed(ID, 0, f, "boom"),
    "step_undone": lambda r, f: r.step_undone(ID, 0, f),
    "step_lost": lambda r, f: r.step_lost(ID, 0, f),
    "progress": lambda r, f: r.progress(_progress(9), f),
}


def _progress(rows_done: int) -> BackfillRow:
    return BackfillRow(ID, 0, "orders", rows_done, 100, 5.5, None, "replica lag", datetime.now(UTC))


@pytest.mark.parametrize("write", ZOMBIE)
@pytest.mark.parametrize("successor", [True, False])
def test_a_zombie_writes_nothing(running: tuple[Registry, int], connect: Connect, write: str, successor: bool) -> None:
    registry, fence = running
    registry.step_started(ID, 0, fence)
    _expire(connect)
    if successor:
        registry.acquire(ID, "you", 60)
    before = _kinds(registry)
    with pytest.raises(FenceLost):
        ZOMBIE[write](registry, fence)
    assert _kinds(registry) == before
    assert audit(registry) == []


def test_a_step_goes_through_its_life(running: tuple[Registry, int]) -> None:
    registry, fence = running
    first = registry.step_started(ID, 0, fence)
    assert (first.status, first.attempt, first.fence, first.error) == (StepStatus.RUNNING, 1, fence, None)
    failed = registry.step_failed(ID, 0, fence, "55P03 on public.orders\x00")
    assert (failed.status, failed.attempt, failed.error) == (StepStatus.RUNNING, 1, "55P03 on public.orders�")
    again = registry.step_started(ID, 0, fence)
    assert (again.attempt, again.error) == (2, None)
    done = registry.step_done(ID, 0, fence, {"seconds": 1.5})
    assert (done.status, done.finished_at is not None) == (StepStatus.DONE, True)
    assert registry.step_lost(ID, 0, fence).status is StepStatus.PENDING
    registry.step_started(ID, 0, fence)
    assert registry.step_undone(ID, 0, fence).status is StepStatus.UNDONE
    with registry.reading() as connection:
        told = [event.data for event in queries.events(connection, ID) if event.kind == "step.done"]
    facts = {"ordinal": 0, "step_id": f"{ID}:0", "kind": "add_column", "attempt": 2, "fence": fence, "seconds": 1.5}
    assert told == [facts]
    assert audit(registry) == []


def test_a_step_moves_only_from_where_it_can(running: tuple[Registry, int]) -> None:
    registry, fence = running
    for move in (registry.step_done, registry.step_undone, registry.step_lost):
        with pytest.raises(FenceLost, match="somebody else moved it"):
            move(ID, 0, fence)
    registry.step_started(ID, 0, fence)
    registry.step_done(ID, 0, fence)
    with pytest.raises(FenceLost):
        registry.step_started(ID, 0, fence)
    with pytest.raises(FenceLost):
        registry.step_started(ID, 99, fence)


def test_progress_is_live_and_leaves_no_event(running: tuple[Registry, int]) -> None:
    registry, fence = running
    before = _kinds(registry)
    registry.progress(_progress(1), fence)
    registry.progress(_progress(2), fence)
    with registry.reading() as connection:
        (row,) = queries.backfills(connection, ID)
    assert (row.table, row.rows_done, row.rows_total, row.rows_per_second) == ("orders", 2, 100, 5.5)
    assert (row.eta_seconds, row.throttle) == (None, "replica lag")
    assert _kinds(registry) == before


def test_moments_holds_and_requests_follow_the_machine(submitted: Registry) -> None:
    held = submitted.record(ID, Event.HELD, {"reason": "incident"}).hold
    assert held is not None
    assert (held.reason, held.actor) == ("incident", "postgres")
    assert submitted.record(ID, Event.RESUMED).hold is None
    assert submitted.record(ID, Event.REQUESTED, {"gate": GateName.EXPAND.value}).requested is GateName.EXPAND
    moved = submitted.record(ID, Event.EXPAND_PASSED)
    assert (moved.state, moved.requested, moved.switched_at) == (State.EXPANDED, None, None)
    submitted.record(ID, Event.BACKFILL_PASSED)
    switched = submitted.record(ID, Event.SWITCH_PASSED)
    submitted.record(ID, Event.CONTRACT_STARTED)
    contracted = submitted.record(ID, Event.CONTRACT_PARKED)
    assert switched.switched_at is not None
    assert switched.contracted_at is None
    assert contracted.contracted_at is not None
    assert contracted.contracted_at > switched.switched_at
    assert contracted.version == 9
    assert audit(submitted) == []


def test_record_refuses_what_it_must(submitted: Registry) -> None:
    with pytest.raises(Refused):
        submitted.record(ID, Event.CONTRACT_STARTED)
    with pytest.raises(StaleView, match="version 7 to 1"):
        submitted.record(ID, Event.EXPAND_STARTED, seen_version=7)
    with pytest.raises(KeyError):
        submitted.record(ID, Event.HELD)
    for event in set(Event) - RECORDABLE:
        with pytest.raises(ValueError, match="method of its own"):
            submitted.record(ID, event)
    assert _kinds(submitted) == ["change.submitted"]


def test_unknown_ids_are_named(registry: Registry, url: str) -> None:
    with pytest.raises(UnknownChange, match="'ghost'"):
        registry.record("ghost", Event.HELD, {"reason": "x"})
    with pytest.raises(UnknownChange):
        registry.acquire("ghost", "me", 60)
    with registry.reading() as connection:
        asked: list[Callable[[], object]] = [
            lambda: queries.change(connection, "ghost"),
            lambda: queries.steps(connection, "ghost"),
            lambda: queries.lease(connection, "ghost"),
            lambda: queries.approvals(connection, "ghost"),
            lambda: queries.approvals_needed(connection, "ghost"),
            lambda: queries.latest_evidence(connection, "ghost", "expand"),
            lambda: queries.backfills(connection, "ghost"),
            lambda: queries.events(connection, "ghost"),
        ]
        for ask in asked:
            with pytest.raises(UnknownChange):
                ask()


def test_evidence_is_kept_for_the_plan_it_is_about(submitted: Registry) -> None:
    findings = [Finding("no empty addresses", "select 1", Verdict.FAIL, 2, ("7", "9"), "two rows", 100, 0.5)]
    kept = submitted.record_evidence(ID, GateName.EXPAND, findings, new().plan_sha256)
    with submitted.reading() as connection:
        assert queries.latest_evidence(connection, ID, "expand") == kept
        age = queries.evidence_age_seconds(connection, ID, GateName.EXPAND)
        assert queries.evidence_age_seconds(connection, ID, GateName.PURGE) is None
    assert age is not None
    assert 0 <= age < 30
    assert kept.findings == tuple(findings)
    with pytest.raises(StaleView, match="orch verify"):
        submitted.record_evidence(ID, GateName.EXPAND, findings, "another plan")
    submitted.submit(new(plan={"steps": [2]}), new_steps())
    with submitted.reading() as connection:
        assert queries.latest_evidence(connection, ID, "expand") is None


def test_a_reading_is_one_snapshot_and_writes_nothing(submitted: Registry) -> None:
    with submitted.reading() as connection:
        before = queries.change(connection, ID)
        submitted.record(ID, Event.HELD, {"reason": "meanwhile"})
        assert queries.change(connection, ID) == before
    with submitted.reading() as connection:
        assert queries.change(connection, ID).hold is not None
        read_only = "cannot execute .* in a read-only transaction"
        with pytest.raises(Exception, match=read_only):
            recording.append(connection, ID, Event.EVIDENCE, {})


def test_events_are_paged(submitted: Registry) -> None:
    for number in range(4):
        submitted.record(ID, Event.HELD, {"reason": str(number)})
    with submitted.reading() as connection:
        page = queries.events(connection, after_seq=2, limit=2)
        head = queries.head(connection)
    assert [event.seq for event in page] == [3, 4]
    assert head.seq == 6


def test_killed_between_state_and_event_leaves_neither(
    submitted: Registry, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, admin = recording.append, connect()

    def killed(connection: Any, *rest: Any) -> None:
        written = "SELECT state FROM orch.change"
        assert connection.exec_driver_sql(written).scalar_one() == "expanded"
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        append(connection, *rest)

    monkeypatch.setattr(recording, "append", killed)
    with pytest.raises(Unreachable, match="was lost"):
        submitted.record(ID, Event.EXPAND_PASSED)
    monkeypatch.undo()
    with submitted.reading() as connection:
        assert queries.change(connection, ID).state is State.PLANNED
    assert _kinds(submitted) == ["change.submitted"]
    assert audit(submitted) == []


def test_killed_after_the_event_but_before_the_commit_leaves_neither(
    submitted: Registry, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, admin = recording.append, connect()

    def then_killed(connection: Any, *rest: Any) -> None:
        append(connection, *rest)
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    monkeypatch.setattr(recording, "append", then_killed)
    with pytest.raises(Unreachable, match="was lost"):
        submitted.record(ID, Event.EXPAND_PASSED)
    monkeypatch.undo()
    assert _kinds(submitted) == ["change.submitted"]
    assert audit(submitted) == []


def test_the_lease_cannot_change_hands_during_a_write(
    running: tuple[Registry, int], connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write that found its lease alive is in the history before whoever takes the lease next."""
    registry, fence = running
    registry.renew(ID, fence, 0.5)
    append, inside = recording.append, threading.Event()

    def slow(connection: Any, *rest: Any) -> None:
        inside.set()
        time.sleep(1)
        append(connection, *rest)

    monkeypatch.setattr(recording, "append", slow)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(registry.step_started, ID, 0, fence)
        assert inside.wait(10)
        time.sleep(0.6)
        assert registry.acquire(ID, "you", 60) == fence + 1
        assert writing.result(10).attempt == 1
    assert _kinds(registry)[-2:] == ["step.started", "lease.acquired"]
