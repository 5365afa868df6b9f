"""Databases for walks: copied for every one; and what a run must say of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from orchestrator.embedded import Server
from tests.conformance.stage import Stage
from tests.service.world import copying


@pytest.fixture
def stage(server: Server, maintenance: psycopg.Connection[Any], initialised: str, worker_id: str) -> Iterator[Stage]:
    """Where examples are played."""
    with copying(server, maintenance, initialised, worker_id) as copy, ExitStack() as stack:
        yield Stage(copy, stack)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what was refused when planning, so that nobody takes it for walked."""
    passed = terminalreporter.stats.get("passed", [])
    refused = [text for report in passed for name, text in report.user_properties if name == "refused when planning"]
    if refused:
        terminalreporter.section("refused when planning, not walked")
        terminalreporter.line("\n".join(sorted(refused)))
