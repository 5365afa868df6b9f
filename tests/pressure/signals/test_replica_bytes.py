"""What a standby has not replayed, against what the server keeps."""

from __future__ import annotations

import pytest

from orchestrator.signals.replica_bytes import ReplicaBytes
from tests.chaos.servers import Pair
from tests.pressure.conftest import Looking, On, write


def test_bytes_behind_over_what_is_kept(looking: Looking, servers: Pair, on: On) -> None:
    on("SELECT pg_wal_replay_pause()", server=servers.standby)
    try:
        write(on, "repeat('x', 40 << 20)")
        ((behind,),) = on("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint FROM pg_stat_replication")
        found = looking.one(ReplicaBytes())
        # wal_keep_size is 2 GB here, and half of max_wal_size as well.
        assert found.scale == pytest.approx(behind / (2 << 30), rel=0.05)
        assert behind > 40 << 20
    finally:
        on("SELECT pg_wal_replay_resume()", server=servers.standby)
