"""A connection is lost at an awkward moment: the error is one the doors above know, and the lease is kept."""

from __future__ import annotations

import threading

import psycopg
import pytest
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from orchestrator.config import Config, TargetConfig
from orchestrator.core.errors import LeaseLost
from orchestrator.core.ports import ConnectionLost, Fenced
from orchestrator.dialects.postgres.connection import connect
from orchestrator.dialects.postgres.target import PostgresTarget
from orchestrator.engine.lease import Lease
from orchestrator.service import Service
from state.errors import Unreachable
from state.store import Registry

TTL = 3.0
"""Seconds; what lies between its safe end and its end must be more than a loaded machine takes to wake a thread."""
_SUICIDE = "SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())"


def test_a_registry_connection_lost_while_it_is_set_up(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("state.connect._SET", _SUICIDE)
    monkeypatch.setattr("state.connect._VALUES", [])
    with pytest.raises(Unreachable, match="was lost"):
        Registry(database).ready()


def test_a_reader_lost_while_it_is_set_up(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def dying(url: str, name: str) -> psycopg.Connection:
        link = connect(url, name)
        with pytest.raises(psycopg.errors.AdminShutdown):
            link.execute(_SUICIDE.encode())
        return link

    monkeypatch.setattr("orchestrator.dialects.postgres.connection.connect", dying)
    with pytest.raises(ConnectionLost), PostgresTarget("t", database).reader():
        pass


class Stumbling(Registry):
    """Its first renewal fails in a way nobody thought of."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.again = threading.Event()
        self.renewals = 0

    def renew(self, change_id: str, fence: int, ttl_seconds: float) -> bool:
        self.renewals += 1
        if self.renewals == 1:
            raise psycopg.errors.LockNotAvailable("canceling statement due to lock timeout")
        self.again.set()
        return True


def test_one_renewal_that_fails_is_no_reason_to_stop_renewing() -> None:
    registry = Stumbling("postgresql://nobody@/nowhere")
    lease = Lease(registry, "change", 1, TTL)
    assert registry.again.wait(60)
    lease.check()
    lease.close()


class Silent(Registry):
    """It never answers a renewal."""

    def renew(self, change_id: str, fence: int, ttl_seconds: float) -> bool:
        threading.Event().wait(30)
        return True


class Statement:
    """What runs while the lease goes."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()

    def cancel(self) -> None:
        """As a session does."""
        self.cancelled.set()


def test_what_runs_is_cancelled_in_time_even_if_the_registry_never_answers() -> None:
    statement = Statement()
    lease = Lease(Silent("postgresql://nobody@/nowhere"), "change", 1, TTL)
    with lease.guarding(statement):
        assert statement.cancelled.wait(TTL)
    with pytest.raises(LeaseLost):
        lease.check()
    lease.close()


def test_a_fence_given_twice_by_a_registry_that_lost_its_last_commits(database: str) -> None:
    """After an asynchronous failover the Registry gives the same fence again; the second worker must not share it."""
    with Service(Config(database, {"t": TargetConfig("t", database)})) as service:
        service.init()
    target = PostgresTarget("t", database)
    target.raise_fence("change", 7, 1.0)
    with pytest.raises(Fenced):
        target.raise_fence("change", 7, 1.0)
    target.raise_fence("change", 8, 1.0)


def test_a_registry_connection_lost_while_the_library_still_looks_around(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLAlchemy asks the server a few things on the first connection, and takes no notice of why that failed."""

    def initialise(_dialect: object, connection: Connection) -> None:
        connection.connection.driver_connection.execute(_SUICIDE)  # type: ignore[union-attr]

    monkeypatch.setattr(PGDialect_psycopg, "initialize", initialise)
    with pytest.raises(Unreachable, match="was lost"):
        Registry(database).ready()
