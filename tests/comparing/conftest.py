"""One prepared database per worker, and a schema of its own for each test; tiny ranges, so that small tables have many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from orchestrator.core.comparison import Comparison, Part, Position, Standing, Walk
from orchestrator.dialects.postgres.session import PostgresSession
from orchestrator.embedded import Server
from orchestrator.engine import comparing
from tests.service.world import copying
from tests.support.changes import Bench, benched


@pytest.fixture(scope="session")
def database_of_room(
    server: Server, maintenance: psycopg.Connection[Any], initialised: str, worker_id: str
) -> Iterator[str]:
    """The URL of a database that is Registry and Target, both initialised."""
    with copying(server, maintenance, initialised, worker_id) as copy:
        yield copy()


@pytest.fixture
def bench(database_of_room: str) -> Iterator[Bench]:
    """A schema with an application."""
    with benched(database_of_room) as found:
        yield found


@dataclass
class Ranges:
    """What was read: per range its question, how many rows were asked for, and the rows that were there."""

    seen: list[tuple[str, int | None, int]] = field(default_factory=list)

    def rows(self, check: str) -> int:
        """Rows read for a check."""
        return sum(rows for name, _, rows in self.seen if name.startswith(check))

    def cut(self, check: str) -> int:
        """Ranges read for a check."""
        return sum(1 for name, _, _ in self.seen if name.startswith(check))


@pytest.fixture
def ranges(monkeypatch: pytest.MonkeyPatch) -> Ranges:
    """Ranges of seven rows, and what was read in them."""
    found = Ranges()
    original = PostgresSession.part

    def part(self: PostgresSession, comparison: Comparison, standing: Standing, walk: Walk, rows: int | None) -> Part:
        answer = original(self, comparison, standing, walk, rows)
        if not walk.late:
            found.seen.append((comparison.name, rows, answer.tally.rows))
        return answer

    monkeypatch.setattr(PostgresSession, "part", part)
    monkeypatch.setattr(comparing, "FIRST", 7)
    monkeypatch.setattr(comparing, "MOST", 7)
    return found


Walked = Callable[[Callable[[str, Position | None], None]], None]


@pytest.fixture
def walked(monkeypatch: pytest.MonkeyPatch, ranges: Ranges) -> Walked:
    """Do something after every range of the first walk; it is told the question and the key that was come to."""

    def between(action: Callable[[str, Position | None], None]) -> None:
        original = PostgresSession.part

        def part(
            self: PostgresSession, comparison: Comparison, standing: Standing, walk: Walk, rows: int | None
        ) -> Part:
            answer = original(self, comparison, standing, walk, rows)
            if not walk.late:
                action(comparison.name, answer.end)
            return answer

        monkeypatch.setattr(PostgresSession, "part", part)

    return between
