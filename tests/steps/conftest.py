"""One database for all of these tests: each is a transaction that is rolled back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from orchestrator.dialects.postgres.target import PostgresTarget
from orchestrator.embedded import Server
from tests.steps.scene import TABLE, Scene


@pytest.fixture(scope="session")
def steps_url(server: Server, maintenance: psycopg.Connection[Any], worker_id: str) -> Iterator[str]:
    """A database with schema orch_target and one table."""
    name = sql.Identifier(f"steps_{worker_id}")
    maintenance.execute(sql.SQL("CREATE DATABASE {}").format(name))
    url = server.url(f"steps_{worker_id}")
    PostgresTarget("steps", url).bootstrap()
    with psycopg.connect(url, autocommit=True) as link:
        link.execute(TABLE)
    yield url
    maintenance.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@pytest.fixture
def scene(steps_url: str) -> Iterator[Scene]:
    """A transaction with the settings of orch's own sessions."""
    with psycopg.connect(steps_url) as link:
        link.prepare_threshold = None
        link.execute("SET search_path = pg_catalog, pg_temp; SET TimeZone = 'UTC'")
        yield Scene(link)
        link.rollback()
