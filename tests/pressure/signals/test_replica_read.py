"""Replicas named in orch.toml are asked themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.core.ports import Reader
from orchestrator.dialects.postgres.target import PostgresTarget
from orchestrator.signals.replica_read import ReplicaRead
from tests.chaos.servers import Pair
from tests.pressure.conftest import Looking, On, write


def test_position_and_time(looking: Looking, servers: Pair, shop: str, on: On) -> None:
    target = PostgresTarget("shop", servers.primary.url(shop), [servers.standby.url()])
    (name,) = target.replicas
    signal = ReplicaRead()
    with target.replica(name) as reader:
        on("SELECT pg_wal_replay_pause()", server=servers.standby)
        try:
            write(on, "'x'")
            scales = []
            for now in (100.0, 104.0):
                (found,) = signal.read(replace(looking.sight(now), replicas={name: reader}))
                scales.append(found.scale)
            assert scales == [0.0, pytest.approx(0.8, abs=0.01)]
        finally:
            on("SELECT pg_wal_replay_resume()", server=servers.standby)


def test_what_cannot_be_asked_or_is_none_stops(looking: Looking, servers: Pair, shop: str) -> None:
    target = PostgresTarget("shop", servers.primary.url(shop), [servers.primary.url()])
    with target.replica(target.replicas[0]) as reader:
        seen: dict[str, Reader | str] = {"a": "it cannot be reached", "b": reader}
        found = list(ReplicaRead().read(replace(looking.sight(), replicas=seen)))
    assert [(f.scale, f.detail) for f in found] == [
        (None, "replica a cannot be read: it cannot be reached"),
        (None, "replica b cannot be read: it is no standby"),
    ]


def test_a_name_tells_no_secret() -> None:
    target = PostgresTarget("shop", "", ["postgresql://me:secret@far.example:5433/shop?sslpassword=secret"])
    assert target.replicas == ("far.example:5433 (1)",)
