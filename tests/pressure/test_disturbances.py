"""What goes wrong beside a backfill stops or reshapes it within five seconds, with its reason, and it goes on by itself."""

from __future__ import annotations

import psycopg

from orchestrator import embedded
from orchestrator.core.errors import Waiting
from tests.chaos.servers import Pair
from tests.pressure.conftest import Begin


def _on(server: embedded.Server, statement: str, database: str = "postgres") -> None:
    with psycopg.connect(server.url(database), autocommit=True) as link:
        link.execute(statement.encode())


def test_a_standby_that_stops_replaying(begin: Begin, servers: Pair) -> None:
    """``replay_lag`` freezes then: the lag must be told by other means."""
    filling = begin(", max_replica_lag: 2s")
    filling.until_it_moves()
    _on(servers.standby, "SELECT pg_wal_replay_pause()")
    try:
        reason = filling.until_reason("replica_lag", "stop")
        assert "behind, 2s are allowed" in reason["detail"]
        filling.stands_still()
    finally:
        _on(servers.standby, "SELECT pg_wal_replay_resume()")
    filling.until_it_moves()
    assert isinstance(filling.end(), Waiting)


def test_a_standby_that_is_killed(begin: Begin, servers: Pair) -> None:
    filling = begin()
    filling.until_it_moves()
    embedded.stop(servers.standby, "immediate")
    try:
        assert "is gone since" in filling.until_reason("replica_lag", "stop")["detail"]
        filling.stands_still()
    finally:
        embedded.restart(servers.standby)
    filling.until_it_moves()


def test_a_replica_that_is_read_directly(begin: Begin, servers: Pair) -> None:
    filling = begin(replicas=(servers.standby.url(),))
    filling.until_it_moves()
    embedded.stop(servers.standby, "immediate")
    try:
        filling.until_reason("replica_read", "stop")
    finally:
        embedded.restart(servers.standby)
    filling.until_it_moves()


def test_a_session_that_is_idle_in_its_transaction(begin: Begin, servers: Pair, shop: str) -> None:
    """It is no reason to stop, only to go on without stripes; and that is said."""
    filling = begin()
    filling.until_it_moves()
    with psycopg.connect(servers.primary.url(shop)) as idle:
        idle.execute("UPDATE orders SET email = email WHERE id = %s", [200_000])
        reason = filling.until_reason("xmin_age", "reshape")
        assert f"session {idle.info.backend_pid} (idle in transaction) holds a snapshot" in reason["detail"]
        filling.until_it_moves()
        idle.rollback()
    filling.until(lambda found: not [r for r in found["reasons"] if r["signal"] == "xmin_age"], 5)


def test_an_archive_that_takes_nothing(begin: Begin, servers: Pair) -> None:
    filling = begin()
    filling.until_it_moves()
    _on(servers.primary, "ALTER SYSTEM SET archive_command = 'false'")
    _on(servers.primary, "SELECT pg_reload_conf()")
    try:
        for _ in range(44):
            _on(servers.primary, "SELECT pg_logical_emit_message(false, 'test', 'x'), pg_switch_wal()")
        reason = filling.until_reason("archiver_backlog", "stop")
        assert "WAL segments wait to be archived, 42 are too many; the archiver fails" in reason["detail"]
        filling.stands_still()
    finally:
        _on(servers.primary, "ALTER SYSTEM SET archive_command = 'true'")
        _on(servers.primary, "SELECT pg_reload_conf()")
        # The archiver rests for a minute after three failures; a new one begins at once.
        _on(servers.primary, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'archiver'")
    filling.until_it_moves(60)
