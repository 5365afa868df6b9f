"""Whoever keeps row versions is named; who keeps none is not."""

from __future__ import annotations

import time

import psycopg
import pytest

from orchestrator.core.throttle import Effect
from orchestrator.signals.xmin_age import XminAge
from tests.chaos.servers import Pair
from tests.pressure.conftest import Looking, On


@pytest.mark.parametrize(
    ("begin", "holds"),
    [
        ("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1", True),
        ("BEGIN; UPDATE orders SET email = email WHERE id = 1", True),
        ("BEGIN; SELECT 1", False),
    ],
)
def test_a_transaction_left_open(looking: Looking, servers: Pair, shop: str, begin: str, holds: bool) -> None:
    with psycopg.connect(servers.primary.url(shop), autocommit=True) as idle:
        idle.execute(begin.encode())
        time.sleep(2.1)
        found = [f for f in looking.read(XminAge()) if f"session {idle.info.backend_pid} " in f.detail]
        assert [f.effect for f in found] == [Effect.RESHAPE] * holds


def test_a_prepared_transaction(looking: Looking, shop: str, on: On) -> None:
    on("BEGIN; UPDATE orders SET email = email WHERE id = 1; PREPARE TRANSACTION 'forgotten'", shop)
    try:
        time.sleep(2.1)
        found = looking.one(XminAge())
        assert found.effect is Effect.RESHAPE
        assert "prepared transaction forgotten holds a snapshot for 2s" in found.detail
    finally:
        on("ROLLBACK PREPARED 'forgotten'", shop)


def test_a_reader_of_a_standby_that_feeds_back(looking: Looking, servers: Pair, shop: str, on: On) -> None:
    """It tells transactions, not seconds; those are taken from when we saw the primary there."""
    signal = XminAge()
    for setting in ("hot_standby_feedback = on", "wal_receiver_status_interval = '1s'"):
        on(f"ALTER SYSTEM SET {setting}", server=servers.standby)
    on("SELECT pg_reload_conf()", server=servers.standby)
    try:
        with psycopg.connect(servers.standby.url(shop)) as reader:
            reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            reader.execute("SELECT 1")
            deadline = time.monotonic() + 20
            while on("SELECT count(*) FROM pg_stat_replication WHERE backend_xmin IS NOT NULL") != [(1,)]:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            now = 100.0
            while not any(f.effect is Effect.RESHAPE and "standby" in f.detail for f in looking.read(signal, now)):
                assert now < 130
                on("UPDATE orders SET email = email WHERE id = 1", shop)
                time.sleep(0.1)
                now += 1.0
            assert now >= 102
    finally:
        on("ALTER SYSTEM RESET hot_standby_feedback", server=servers.standby)
        on("SELECT pg_reload_conf()", server=servers.standby)
