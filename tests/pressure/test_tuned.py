"""``orch tune`` and the window reach a running backfill within a batch; who waits in one lane ends when another fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.core import batching
from orchestrator.core.errors import Invalid, OrchError
from orchestrator.core.ports import TargetError
from orchestrator.dialects.postgres.session import PostgresSession
from orchestrator.engine import monitor
from orchestrator.service import Service
from orchestrator.signals.replica_lag import ReplicaLag
from state.errors import RegistryError
from tests.chaos.servers import Pair
from tests.pressure.conftest import CHANGE, Begin, Filling, On


def _held_to(filling: Filling, name: str, value: object) -> float:
    return filling.until(lambda found: found.get("control", {}).get(name) == value, 3)


def test_other_words_reach_a_running_backfill(begin: Begin) -> None:
    filling = begin()
    filling.until_it_moves()
    filling.service.tune(CHANGE, {"statement_time": "250ms", "max_replica_lag": "7s"})
    assert _held_to(filling, "statement_time", "250ms") < 2
    assert filling.now()["control"]["max_replica_lag"] == "7s"
    filling.service.tune(CHANGE, {"statement_time": "50ms"})
    _held_to(filling, "statement_time", "50ms")
    assert filling.now()["control"]["max_replica_lag"] == "7s", "what is not named stays as it was"
    told = [event for event in filling.service.events(CHANGE) if event.kind == "backfill.tuned"]
    assert [event.data for event in told] == [
        {"statement_time": "250ms", "max_replica_lag": "7s"},
        {"statement_time": "50ms"},
    ]


def test_outside_its_window_nothing_runs_and_it_is_said_until_when(begin: Begin) -> None:
    filling = begin()
    filling.until_it_moves()
    now = datetime.now(UTC)
    closed = f"{now + timedelta(hours=2):%H:00}-{now + timedelta(hours=3):%H:00} UTC"
    filling.service.tune(CHANGE, {"window": closed})
    reason = filling.until_reason("window", "stop", 3)
    assert reason["detail"].startswith(f"outside the window {closed} until ")
    filling.stands_still()
    assert filling.now()["eta_note"].startswith("stopped: outside the window")
    filling.service.tune(CHANGE, {"window": None})
    filling.until_it_moves(5)


def test_more_lanes_are_begun_and_ended_while_it_runs(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "EVERY", 0.1)
    monkeypatch.setattr(batching, "SEGMENT_PAGES", 100)
    monkeypatch.setattr(monitor, "discover", lambda _: {})  # how busy this machine is does not matter here
    original = PostgresSession.batch
    at_work: set[str] = set()

    def batch(self: PostgresSession, *rest: Any) -> Any:
        at_work.add(threading.current_thread().name)
        time.sleep(0.02)  # or the table is full before three lanes are
        return original(self, *rest)

    def working(lanes: int) -> Callable[[dict[str, Any]], bool]:
        def holds(found: dict[str, Any]) -> bool:
            at_work.clear()
            time.sleep(0.3)
            return bool(found["lanes"] == lanes == len(at_work))

        return holds

    monkeypatch.setattr(PostgresSession, "batch", batch)
    filling = begin()
    filling.until_it_moves()
    filling.until(working(1), 3)
    filling.service.tune(CHANGE, {"lanes": 3})
    filling.until(working(3), 20)
    filling.service.tune(CHANGE, {"lanes": 1})
    filling.until(working(1), 3)


def test_the_probe_ends_when_nobody_wants_it(begin: Begin, shop: str, on: On) -> None:
    filling = begin(", probe: SELECT 1, max_latency: 5s")
    filling.until_it_moves()
    probes = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'orch:probe' AND datname = current_database()"
    )
    assert on(probes, shop) == [(1,)]
    filling.service.tune(CHANGE, {"max_latency": None})
    deadline = time.monotonic() + 5
    while on(probes, shop) != [(0,)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    filling.until_it_moves(5)


def test_a_lane_that_waits_ends_when_another_fails(
    begin: Begin, servers: Pair, on: On, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal may stand against it for hours; the failure is told at once all the same."""
    monkeypatch.setattr(monitor, "EVERY", 0.1)
    seen = {"replica_lag": ReplicaLag}
    monkeypatch.setattr(monitor, "discover", lambda _: seen)
    original = PostgresSession.batch
    fails = threading.Event()

    def batch(self: PostgresSession, *rest: Any) -> Any:
        if fails.is_set() and threading.current_thread().name.startswith("lane"):
            filling.until_reason("replica_lag", "stop", 10)
            raise TargetError("the disk of this lane burns", "58030")
        return original(self, *rest)

    monkeypatch.setattr(PostgresSession, "batch", batch)
    filling = begin(", lanes: 2, max_replica_lag: 2s")
    filling.until(lambda found: found.get("lanes") == 2, 20)
    on("SELECT pg_wal_replay_pause()", server=servers.standby)
    fails.set()
    try:
        ended = filling.end_by_itself(8)
    finally:
        on("SELECT pg_wal_replay_resume()", server=servers.standby)
    assert "burns" in str(ended)


def test_words_that_cannot_be_held_to_are_refused_where_they_are_said(begin: Begin) -> None:
    filling = begin()
    filling.until_it_moves()
    service: Service = filling.service
    for wrong in (
        {"lanes": 0},
        {"lanes": 17},
        {"statement_time": "soon"},
        {"max_latency": "5ms"},
        {"window": "noon"},
        {},
    ):
        with pytest.raises((Invalid, OrchError, RegistryError)):
            service.tune(CHANGE, wrong)
    assert [event for event in service.events(CHANGE) if event.kind == "backfill.tuned"] == []
