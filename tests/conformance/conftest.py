"""Databases for walks: prepared once per worker, copied for every one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from psycopg import sql

from orchestrator.embedded import Server
from tests.conformance.stage import Stage
from tests.service.world import copying, service_at


@pytest.fixture(scope="session")
def bare(server: Server, maintenance: psycopg.Connection[Any], worker_id: str) -> Iterator[str]:
    """The name of a database with both schemas and no table of an application."""
    name = f"bare_{worker_id}"
    maintenance.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    with service_at(server.url(name)) as service:
        service.init()
    yield name
    maintenance.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def stage(server: Server, maintenance: psycopg.Connection[Any], bare: str, worker_id: str) -> Iterator[Stage]:
    """Where examples are played."""
    with copying(server, maintenance, bare, worker_id) as copy, ExitStack() as stack:
        yield Stage(copy, stack)
