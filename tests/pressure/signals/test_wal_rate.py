"""Bytes per second of WAL over what forces checkpoints; it slows, and never stops."""

from __future__ import annotations

import pytest

from orchestrator.signals.wal_rate import MOST, WalRate
from tests.pressure.conftest import Looking, On, write


def test_the_rate_over_what_fills_max_wal_size(looking: Looking, on: On) -> None:
    signal = WalRate()
    assert looking.read(signal, 10.0) == []
    write(on, "repeat('x', 64 << 20)")
    found = looking.one(signal, 11.0)
    assert found.scale == pytest.approx(64 / (4096 / 30), rel=0.1)
    assert looking.one(signal, 14.0).scale == pytest.approx(64 / 4 / (4096 / 30), rel=0.15)


def test_it_never_stops(looking: Looking, on: On) -> None:
    signal = WalRate()
    looking.read(signal, 10.0)
    for _ in range(3):
        write(on, "repeat('x', 60 << 20)")
    assert looking.one(signal, 11.0).scale == MOST
