"""The chain is unbroken, cannot be rewritten in passing, and whoever rewrites it by force is found."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from orchestrator.core.audit import Problem, verify
from state import queries
from state.deciding import INTENTS
from state.digest import NO_FINDINGS
from state.errors import FenceLost
from state.machine import GATE_AHEAD, MOVES, TRANSITIONS, Refused
from state.model import Event, Finding, GateName, State, Verdict
from state.store import RECORDABLE, Registry
from tests.state.conftest import audit, new, new_steps

Connect = Callable[..., psycopg.Connection[Any]]
ID = "orders-email"


@pytest.fixture
def told(registry: Registry) -> Registry:
    """A Registry with a little history of two Changes."""
    for change_id in (ID, "other"):
        registry.submit(new(change_id), new_steps(change_id))
        fence = registry.acquire(change_id, "me", 60)
        registry.decide_gate(
            change_id,
            GateName.EXPAND,
            "approve",
            plan_sha256=new(change_id).plan_sha256,
            evidence_sha256=NO_FINDINGS,
        )
        registry.record(change_id, Event.EXPAND_STARTED, fence=fence)
        registry.step_started(change_id, 0, fence)
        registry.step_done(change_id, 0, fence)
    registry.record(ID, Event.HELD, {"reason": "incident"})
    return registry


def test_appends_from_many_connections_give_one_unbroken_chain(registry: Registry, url: str) -> None:
    for number in range(4):
        registry.submit(new(f"change-{number}"), new_steps(f"change-{number}"))

    def write(number: int) -> None:
        with Registry(url) as own:
            for turn in range(10):
                own.record(f"change-{number % 4}", Event.HELD, {"reason": str(turn)})

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(write, range(12)))
    with registry.reading() as connection:
        events = queries.events(connection)
    assert [event.seq for event in events] == list(range(1, 126))
    assert audit(registry) == []


def test_an_event_says_who_when_and_what(told: Registry) -> None:
    with told.reading() as connection:
        event = queries.events(connection)[1]
    assert event.actor == "postgres"
    assert event.at.endswith("Z")
    assert datetime.fromisoformat(event.at).microsecond >= 0
    assert event.data["title"] == new().title
    assert set(event.data) == {"plan_sha256", "title", "target", "file_sha256", "approvals_needed"}


def test_an_append_wakes_listeners(told: Registry, connect: Connect) -> None:
    listener = connect()
    listener.execute("LISTEN orch")
    told.record(ID, Event.RESUMED)
    (notice,) = listener.notifies(timeout=10, stop_after=1)
    assert notice.payload == ID


def test_the_time_zone_of_the_writer_does_not_matter(told: Registry, connect: Connect) -> None:
    admin = connect()
    admin.execute("SET TimeZone = 'Asia/Kathmandu'; SET DateStyle = 'SQL, DMY'")
    admin.execute("SELECT orch.append_event('other', 'lease.released', '{\"fence\": 1}')")
    assert audit(told) == []


@pytest.mark.parametrize("role", ["origin", "replica"])
@pytest.mark.parametrize("table", ["event", "approval", "evidence"])
@pytest.mark.parametrize("statement", ["UPDATE orch.{} SET change_id = ''", "DELETE FROM orch.{}", "TRUNCATE orch.{}"])
def test_the_history_cannot_be_rewritten_in_passing(
    told: Registry, connect: Connect, role: str, table: str, statement: str
) -> None:
    told.record_evidence(ID, GateName.EXPAND, [Finding("n", "d", Verdict.PASS)], new().plan_sha256)
    admin = connect()
    admin.execute(f"SET session_replication_role = {role}")
    with pytest.raises(psycopg.Error, match="append-only") as refused:
        admin.execute(statement.format(table))
    assert refused.value.sqlstate == "OR009"


@pytest.mark.parametrize("statement", ["DELETE FROM orch.event_head", "TRUNCATE orch.event_head"])
def test_the_head_cannot_be_removed(told: Registry, connect: Connect, statement: str) -> None:
    admin = connect()
    admin.execute("SET session_replication_role = replica")
    with pytest.raises(psycopg.Error, match="append-only"):
        admin.execute(statement)


REHASHED = """
UPDATE orch.event SET payload = replace(payload, 'postgres', 'mallory'), actor = 'mallory',
sha256 = encode(sha256(convert_to(prev_sha256 || replace(payload, 'postgres', 'mallory'), 'UTF8')), 'hex')
WHERE seq = 3"""
SWAPPED = """
UPDATE orch.event SET seq = -seq WHERE seq IN (3, 4);
UPDATE orch.event SET seq = 7 + seq WHERE seq < 0"""
INSERTED = """
INSERT INTO orch.event SELECT max(seq) + 1, 'other', at, 'mallory', 'hold.set', '{}', repeat('0', 64), 'x'
FROM orch.event GROUP BY at ORDER BY at DESC LIMIT 1"""
TAMPERING = {
    "another actor": ("UPDATE orch.event SET actor = 'mallory' WHERE seq = 3", "its actor is 'mallory'"),
    "another payload": ("UPDATE orch.event SET payload = replace(payload, 'postgres', 'x') WHERE seq = 3", "digest"),
    "another payload, rehashed": (REHASHED, "not linked to the event before it"),
    "no payload": ("UPDATE orch.event SET payload = 'x' WHERE seq = 3", "no JSON object"),
    "a removed event": ("DELETE FROM orch.event WHERE seq = 3", "missing or out of order"),
    "the removed end": ("DELETE FROM orch.event WHERE kind = 'hold.set'", "the head says"),
    "an inserted event": (INSERTED, "not linked"),
    "a changed order": (SWAPPED, "not linked"),
    "a removed change": ("DELETE FROM orch.event WHERE change_id = 'other'", "the history never tells of it"),
    "another state": ("UPDATE orch.change SET state = 'expanded' WHERE id = 'other'", "its state is 'expanded'"),
    "another version": ("UPDATE orch.change SET version = 99 WHERE id = 'other'", "its version is 99"),
    "another plan digest": ("UPDATE orch.change SET plan_sha256 = 'x' WHERE id = 'other'", "its plan_sha256 is 'x'"),
    "another plan": ("UPDATE orch.change SET plan = '{}' WHERE id = 'other'", "the content of its plan"),
    "another requester": ("UPDATE orch.change SET requester = 'bob' WHERE id = 'other'", "its requester is 'bob'"),
    "another target": ("UPDATE orch.change SET target = 'prod' WHERE id = 'other'", "its target is 'prod'"),
    "a lifted hold": (
        "UPDATE orch.change SET hold_reason = NULL, hold_actor = NULL, hold_at = NULL",
        "its hold is False, but the history leads to True",
    ),
    "a request": ("UPDATE orch.change SET requested = 'contract' WHERE id = 'other'", "its requested is 'contract'"),
    "a step": ("UPDATE orch.step SET status = 'done' WHERE ordinal = 1", "step 1 is 'done'"),
    "a removed step": ("DELETE FROM orch.step WHERE ordinal = 0", "step 0, but its row is gone"),
    "a forged approval": (
        "INSERT INTO orch.approval (change_id, gate, decision, approver, plan_sha256, evidence_sha256, at, expires_at)"
        " SELECT change_id, gate, decision, 'ada', plan_sha256, evidence_sha256, at, expires_at FROM orch.approval",
        "ada's word on expand",
    ),
    "a removed approval": ("DELETE FROM orch.approval WHERE change_id = 'other'", "the row of it is gone"),
}


def _by_force(connect: Connect, statement: str) -> None:
    admin = connect()
    for table in ("event", "approval"):
        admin.execute(f"ALTER TABLE orch.{table} DISABLE TRIGGER USER")
    admin.execute(statement)


@pytest.mark.parametrize("what", TAMPERING)
def test_rewriting_by_force_is_found(told: Registry, connect: Connect, what: str) -> None:
    assert audit(told) == []
    statement, words = TAMPERING[what]
    _by_force(connect, statement)
    problems = audit(told)
    assert any(words in str(problem) for problem in problems), problems


def test_a_rewritten_chain_is_found_by_its_anchor(told: Registry, connect: Connect) -> None:
    """Whoever owns the database can rehash everything; the head that was kept elsewhere says so."""
    with told.reading() as connection:
        anchor = queries.head(connection)
    _by_force(connect, "DELETE FROM orch.event WHERE kind = 'hold.set'")
    last = "(SELECT sha256 FROM orch.event ORDER BY seq DESC LIMIT 1)"
    connect().execute(f"UPDATE orch.event_head SET seq = seq - 1, sha256 = {last}")
    connect().execute(
        "UPDATE orch.change SET version = version - 1, hold_reason = NULL, hold_actor = NULL, hold_at = NULL "
        "WHERE hold_reason IS NOT NULL"
    )
    assert audit(told) == []
    with told.reading() as connection:
        found = verify(
            queries.events(connection),
            queries.changes(connection),
            queries.all_steps(connection),
            head=(anchor.seq, anchor.sha256),
        )
    assert [problem.sentence for problem in found if "removed" in problem.sentence]


def test_events_no_machine_would_write_are_named(told: Registry) -> None:
    with told.reading() as connection:
        home, *events = queries.events(connection)
        changes = queries.changes(connection)
        steps = queries.all_steps(connection)
    for other, words in (
        (replace(events[0], kind="contract.started"), "the machine refuses it"),
        (replace(events[0], kind="nonsense"), "cannot be read as nonsense"),
        (replace(events[0], data={}), "cannot be read as change.submitted"),
    ):
        problems = verify([home, other, *events[1:]], changes, steps)
        assert any(words in problem.sentence for problem in problems)
    missing = verify([home, *events], changes[1:], steps)
    assert missing == [Problem(None, changes[0].id, "the history tells of it, but its row is gone")]
    assert verify([], [], []) == []
    assert str(Problem(3, "a", "b")) == "event 3, change a: b"


def _walk(registry: Registry, change_id: str, choices: list[int]) -> set[State]:
    """Try whatever each number stands for; what the machine or the fence refuses must leave no trace."""
    moves = sorted(RECORDABLE)
    digest = new(change_id).plan_sha256
    registry.submit(new(change_id), new_steps(change_id))
    fence, state = registry.acquire(change_id, "walker", 600), State.PLANNED
    seen = {state}
    for choice in choices:
        able = [event for event in moves if (state, event) in TRANSITIONS] or moves
        able = [
            event for event in able if choice % 2 and event in MOVES
        ] or able  # most of what may be said leads nowhere
        steps = (registry.step_started, registry.step_done, registry.step_undone, registry.step_lost)
        try:
            if choice % 3 == 0:
                steps[choice % 4](change_id, choice % 5, fence)
            elif choice % 7 == 0:
                registry.record_evidence(change_id, GateName.EXPAND, [], digest)
            elif choice % 11 == 0 and state in GATE_AHEAD:
                said = (change_id, GATE_AHEAD[state], "reject")
                registry.decide_gate(*said, plan_sha256=digest, evidence_sha256=NO_FINDINGS, reason="walk")
            elif choice % 13 == 0:
                registry.step_failed(change_id, choice % 5, fence, "boom")
            else:
                pick = able[choice % len(able)] if choice % 5 else moves[choice % len(moves)]
                data = {"reason": "walk", "gate": "expand"}
                held = None if pick in INTENTS else fence
                state = registry.record(change_id, pick, data, fence=held).state
                seen.add(state)
        except (Refused, FenceLost):
            pass
    registry.release(change_id, fence)
    return seen


def test_whatever_happens_the_history_leads_to_the_rows(registry: Registry) -> None:
    seen: set[State] = set()
    walks = iter(range(10_000))

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(some.lists(some.integers(0, 2**16), min_size=25, max_size=60))
    def walk(choices: list[int]) -> None:
        seen.update(_walk(registry, f"walk-{next(walks)}", choices))

    walk()
    assert audit(registry) == []
    assert len(seen) > 10
