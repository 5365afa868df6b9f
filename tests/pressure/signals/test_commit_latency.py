"""A commit that takes long is seen, against what is usual where the disk is far away."""

from __future__ import annotations

import pytest

from orchestrator.core.ports import TargetError
from orchestrator.dialects.postgres.target import PostgresTarget
from orchestrator.signals.commit_latency import CommitLatency
from tests.chaos.servers import Pair
from tests.pressure.conftest import Looking, On

SLOW = """
CREATE OR REPLACE FUNCTION orch_target.slow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_sleep({seconds}); RETURN NULL; END $$;
DROP TRIGGER IF EXISTS slow ON orch_target.heartbeat;
CREATE CONSTRAINT TRIGGER slow AFTER INSERT OR UPDATE ON orch_target.heartbeat DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION orch_target.slow()
"""


def test_a_slow_commit_stops(looking: Looking, shop: str, on: On) -> None:
    signal = CommitLatency()
    assert (looking.one(signal).scale or 9) < 1.0
    on(SLOW.format(seconds=0.25), shop)
    found = looking.one(signal)
    assert (found.scale or 0) >= 2.4
    assert "100ms are too long" in found.detail
    assert on("SELECT count(*) FROM orch_target.heartbeat", shop) == [(1,)]


def test_what_is_usual_there_does_not_stop(looking: Looking, shop: str, on: On) -> None:
    on(SLOW.format(seconds=0.15), shop)
    signal = CommitLatency()
    assert looking.one(signal).scale == pytest.approx(0.2, abs=0.05)


def test_who_only_reads_has_no_heartbeat(looking: Looking, servers: Pair, shop: str) -> None:
    with PostgresTarget("shop", servers.primary.url(shop)).reader() as reader:
        assert list(CommitLatency().read(Looking(reader).sight())) == []


def test_without_its_table_it_cannot_be_read(looking: Looking, shop: str, on: On) -> None:
    on("DROP TABLE orch_target.heartbeat", shop)
    with pytest.raises(TargetError) as refused:
        looking.read(CommitLatency())
    assert refused.value.sqlstate == "42P01"
