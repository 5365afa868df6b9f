"""The probe's p99 against what is allowed, and the probe itself on a server."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.core.sight import Latency
from orchestrator.dialects.postgres.target import PostgresTarget
from orchestrator.engine.probe import Probe, p99
from orchestrator.signals.max_latency import MaxLatency
from tests.chaos.servers import Pair
from tests.pressure.conftest import Looking, On

ALLOWED: dict[str, Any] = {"max_latency": 0.02, "probe": "SELECT 1"}


def test_the_scale(looking: Looking) -> None:
    found = looking.one(MaxLatency(), latency=Latency(0.015, 100), **ALLOWED)
    assert found.scale == pytest.approx(0.75)
    assert found.detail == "the probe takes 15ms (p99 of 100), 20ms are allowed"


def test_no_answer_stops_and_no_probe_does_nothing(looking: Looking) -> None:
    assert looking.one(MaxLatency(), **ALLOWED).scale is None
    assert looking.one(MaxLatency(), latency=Latency(0.0, 0, "it failed [42P01]"), **ALLOWED).scale is None
    assert looking.read(MaxLatency()) == []


def test_one_of_a_hundred_is_left_out() -> None:
    assert p99([0.001] * 99 + [9.0]) == 0.001
    assert p99([0.001] * 98 + [9.0] * 2) == 9.0
    assert p99([0.001] * 98 + [9.0]) == 9.0


def _until(probe: Probe, holds: Callable[[Latency | None], bool]) -> Latency | None:
    deadline = time.monotonic() + 10
    while not holds(probe.seen()):
        assert time.monotonic() < deadline, probe.seen()
        time.sleep(0.02)
    return probe.seen()


def test_it_measures_what_the_statement_takes(servers: Pair, shop: str) -> None:
    target = PostgresTarget("shop", servers.primary.url(shop))
    with Probe(target, "SELECT pg_sleep(0.03)") as probe:
        seen = _until(probe, lambda found: found is not None and found.count >= 20)
    assert seen is not None
    assert 0.03 <= seen.p99 < 1.0


def test_the_answer_that_is_awaited_counts(servers: Pair, shop: str) -> None:
    with Probe(PostgresTarget("shop", servers.primary.url(shop)), "SELECT pg_sleep(2)") as probe:
        assert _until(probe, lambda found: found is not None and found.p99 > 0.5)


def test_one_that_fails_says_how_and_may_come_back(servers: Pair, shop: str, on: On) -> None:
    with Probe(PostgresTarget("shop", servers.primary.url(shop)), "SELECT * FROM soon") as probe:
        seen = _until(probe, lambda found: found is not None and found.error is not None)
        assert seen is not None
        assert seen.error == "it failed [42P01]"
        on("CREATE TABLE soon ()", shop)
        assert _until(probe, lambda found: found is not None and found.error is None and found.count > 3)


def test_it_writes_nothing(servers: Pair, shop: str) -> None:
    with Probe(PostgresTarget("shop", servers.primary.url(shop)), "DELETE FROM orders") as probe:
        seen = _until(probe, lambda found: found is not None and found.error is not None)
    assert seen is not None
    assert seen.error == "it failed [25006]"
