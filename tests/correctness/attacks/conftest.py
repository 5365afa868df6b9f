"""One prepared database per worker for all attacks, and a schema of its own for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from orchestrator.embedded import Server
from tests.service.world import copying
from tests.support.changes import Bench, benched


@pytest.fixture(scope="session")
def prepared(server: Server, maintenance: psycopg.Connection[Any], initialised: str, worker_id: str) -> Iterator[str]:
    """The URL of a database that is Registry and Target, both initialised."""
    with copying(server, maintenance, initialised, worker_id) as copy:
        yield copy()


@pytest.fixture
def bench(prepared: str) -> Iterator[Bench]:
    """A schema with an application."""
    with benched(prepared) as found:
        yield found
