"""Fixtures for tests on a real PostgreSQL. A missing server is an error, never a skip."""

from __future__ import annotations

import contextlib
import itertools
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql

from orchestrator.core.errors import PlanRefused
from orchestrator.embedded import Server
from tests.service.world import copies, copy, initialised, module_world, ready, template, world
from tests.support.server import shared_server

__all__ = ["Connect", "copies", "copy", "initialised", "module_world", "ready", "template", "world"]
"""What is imported are fixtures for every room: imported by two rooms' conftests they would be made twice under one name."""

Connect = Callable[..., psycopg.Connection[Any]]

_numbers = itertools.count(1)

settings.register_profile("orch", deadline=None)  # how long an example takes says nothing about it being right
settings.load_profile("orch")


@pytest.fixture(autouse=True)
def every_refusal_names_a_way_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is refused a plan is told what to do instead, whatever the test is about."""
    refuse = PlanRefused.__init__

    def refused(self: PlanRefused, reason: str, way: str) -> None:
        assert reason.strip(), "a refusal without a reason"
        assert way.strip(), f"no way around: {reason}"
        refuse(self, reason, way)

    monkeypatch.setattr(PlanRefused, "__init__", refused)


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The PostgreSQL server of this run, shared by all workers: change no server-wide setting."""
    worker: dict[str, Any] = getattr(request.config, "workerinput", {})
    with shared_server(worker.get("testrunuid") or uuid.uuid4().hex) as shared:
        yield shared


@pytest.fixture(scope="session")
def maintenance(server: Server) -> Iterator[psycopg.Connection[Any]]:
    """An autocommit superuser connection for CREATE and DROP DATABASE."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        yield connection


@pytest.fixture
def database(server: Server, maintenance: psycopg.Connection[Any], worker_id: str) -> Iterator[str]:
    """The URL of an empty database of the test's own, dropped afterwards with every session in it."""
    name = f"test_{worker_id}_{next(_numbers)}"
    identifier = sql.Identifier(name)
    maintenance.execute(sql.SQL("CREATE DATABASE {}").format(identifier))
    try:
        yield server.url(name)
    finally:
        maintenance.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier))


@pytest.fixture
def connect(database: str) -> Iterator[Connect]:
    """Open autocommit connections to the test's database; ``connect(user=..., autocommit=False)`` as psycopg takes.

    They are closed at the end of the test.
    """
    with contextlib.ExitStack() as stack:

        def open_connection(**options: Any) -> psycopg.Connection[Any]:
            connection = psycopg.connect(database, **{"autocommit": True, **options})
            stack.callback(connection.close)
            return connection

        yield open_connection
