"""Lag is told by our own clock, and a standby that was there is missed."""

from __future__ import annotations

import time

import pytest

from orchestrator.signals.replica_lag import ReplicaLag
from tests.chaos.servers import Pair
from tests.pressure.conftest import Looking, On, write


def _caught_up(on: On) -> None:
    query = "SELECT count(*) = 1 AND bool_and(replay_lsn >= pg_current_wal_lsn()) FROM pg_stat_replication"
    deadline = time.monotonic() + 20
    while on(query) != [(True,)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_it_counts_from_when_the_primary_was_beyond(looking: Looking, servers: Pair, on: On) -> None:
    _caught_up(on)
    signal = ReplicaLag()
    assert looking.one(signal, 100.0).scale == pytest.approx(0.0, abs=0.1)
    on("SELECT pg_wal_replay_pause()", server=servers.standby)
    try:
        write(on, "'x'")
        looking.read(signal, 101.0)
        late = looking.one(signal, 103.5, max_replica_lag=5.0)
        assert late.scale == pytest.approx(2.5 / 5.0, abs=0.05)
        assert "is 2s behind, 5s are allowed" in late.detail
        assert (looking.one(signal, 111.0, max_replica_lag=5.0).scale or 0) == pytest.approx(2.0, abs=0.05)
    finally:
        on("SELECT pg_wal_replay_resume()", server=servers.standby)
    _caught_up(on)
    assert (looking.one(signal, 112.0).scale or 0) < 0.3


def test_a_login_that_may_not_see_it_stops(looking: Looking, servers: Pair, shop: str, on: On) -> None:
    on("DROP ROLE IF EXISTS blind")
    on("CREATE ROLE blind LOGIN")
    from orchestrator.dialects.postgres.target import PostgresTarget

    url = servers.primary.url(shop).replace("postgres@", "blind@")
    assert "blind" in url
    with PostgresTarget("shop", url).watching("fill", 1, 1) as watcher:
        found = Looking(watcher).one(ReplicaLag())
    assert (found.scale, "GRANT pg_monitor" in found.detail) == (None, True)
