"""One prepared database per worker for all attacks, and a schema of its own for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from orchestrator import embedded
from orchestrator.embedded import Server
from tests.support.changes import Bench, benched, serve


@pytest.fixture(scope="session")
def prepared(server: Server, maintenance: psycopg.Connection[Any], worker_id: str) -> Iterator[str]:
    """The URL of a database that is Registry and Target, both initialised."""
    name = f"attacks_{worker_id}"
    url = embedded.create_database(server, name)
    with serve(url) as service:
        service.init()
    try:
        yield url
    finally:
        embedded.drop_database(server, name)


@pytest.fixture
def bench(prepared: str) -> Iterator[Bench]:
    """A schema with an application."""
    with benched(prepared) as found:
        yield found
