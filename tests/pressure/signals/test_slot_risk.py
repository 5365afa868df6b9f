"""What a slot holds back, with and without a limit."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from orchestrator.signals.slot_risk import SlotRisk
from tests.pressure.conftest import Looking, On, write


@pytest.fixture
def slot(on: On) -> Iterator[str]:
    on("SELECT pg_create_physical_replication_slot('idle', true)")
    yield "idle"
    on("SELECT pg_drop_replication_slot('idle')")
    on("ALTER SYSTEM RESET max_slot_wal_keep_size")
    on("ALTER SYSTEM RESET wal_keep_size")
    on("SELECT pg_reload_conf()")


def test_without_a_limit_the_disk_is_the_end(looking: Looking, slot: str, on: On) -> None:
    write(on, "repeat('x', 32 << 20)")
    found = looking.one(SlotRisk())
    assert found.scale is not None
    assert 0 < found.scale < 0.01
    assert found.detail.startswith(f"slot {slot}, which nobody reads, holds ")
    assert f"{40 * 1024} MiB is the end" in found.detail


def test_with_a_limit_it_is_the_room_that_is_left(looking: Looking, slot: str, on: On) -> None:
    write(on, "repeat('x', 48 << 20)")
    on("ALTER SYSTEM SET max_slot_wal_keep_size = '64MB'")
    on("ALTER SYSTEM SET wal_keep_size = '0'")  # the greater of both counts
    on("SELECT pg_reload_conf()")
    while on("SHOW wal_keep_size") != [("0",)]:
        time.sleep(0.02)
    ((held, safe),) = on(
        "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint, safe_wal_size FROM pg_replication_slots"
    )
    found = looking.one(SlotRisk())
    assert found.scale == pytest.approx(held / (held + max(safe, 0)), rel=0.05)
    assert (found.scale or 0) > 0.5
