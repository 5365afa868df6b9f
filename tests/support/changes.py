"""Changes driven to any state quickly: one prepared database per worker, a schema of its own per test.

A test gets a ``Bench``: application sessions (``run``, ``rows``, ``connect``) whose search_path is the test's schema, and
``submit``, which returns a ``Change`` to be taken ``to`` a state. Nothing here looks into the code under test: what a table
must hold is for each test to say.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
from psycopg import sql

from orchestrator.config import Config, TargetConfig
from orchestrator.core.progress import Listener, nobody
from orchestrator.core.status import Status
from orchestrator.dialects.postgres.session import PostgresSession
from orchestrator.service import Service
from state.model import Finding, GateName, State
from tests.support.release import NO_PROOF

Rows = list[tuple[Any, ...]]
_numbers = itertools.count(1)
_GATES = (
    "gates: {expand: {approvals: 0}, backfill: {approvals: 0}, switch_reads: {approvals: 0},"
    " contract: {soak: 0s}, purge: {approvals: 0, soak: 0s}}"
)
_FILE = "change: {id}\noperations:\n{operations}\nbackfill: {{batch_rows: {batch_rows}}}\n{gates}\n{unproved}{more}"


class Change:
    """One submitted Change."""

    def __init__(self, id_: str, service: Service) -> None:
        self.id = id_
        self.service = service

    def to(self, state: State, listen: Listener = nobody) -> Status:
        """Advance until ``state``; contract is approved on the way, other gates ask for nobody."""
        if state in (State.CONTRACTED, State.COMPLETED):
            status = self.service.status(self.id)
            if status.state not in (State.SWITCHED, State.CONTRACTED):
                status = self.service.advance(self.id, through=State.SWITCHED, listen=listen)
            if status.state is State.SWITCHED:
                self.service.approve(self.id)
        return self.service.advance(self.id, through=state, listen=listen)

    def finding(self, check: str) -> Finding:
        """What one Check says now; there must be one Finding."""
        (found,) = self.service.verify(self.id, checks=[check]).findings
        return found

    def verify(self) -> None:
        """Take the evidence of the gate ahead again."""
        self.service.verify(self.id)

    def abort(self) -> Status:
        """Abort, and carry it out."""
        self.service.abort(self.id, reason="test")
        return self.service.advance(self.id)

    def undo(self) -> Status:
        """Undo contract or the switch, and carry it out."""
        self.service.undo(self.id, reason="test")
        return self.service.advance(self.id)

    @property
    def gate(self) -> GateName | None:
        """The gate ahead."""
        gate = self.service.status(self.id).gate
        return None if gate is None else gate.phase


class Bench:
    """A schema of a test's own, with an application and a service."""

    def __init__(self, url: str, schema: str, service: Service) -> None:
        self.url = url
        self.schema = schema
        self.service = service
        self._stack = contextlib.ExitStack()
        self._application = self.connect()

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """Another application session, autocommit unless told otherwise, closed at the end of the test."""
        given: dict[str, Any] = {"autocommit": True, "options": f"-c search_path={self.schema}", **options}
        return self._stack.enter_context(contextlib.closing(psycopg.connect(self.url, **given)))

    def run(self, *statements: str) -> None:
        """Statements of an application, each in a transaction of its own."""
        for statement in statements:
            self._application.execute(statement.encode())

    def rows(self, query: str) -> Rows:
        """All rows of a query, by a session that is not orch's."""
        return self._application.execute(query.encode()).fetchall()

    def until(self, query: str) -> None:
        """Ask until the answer is true. Raises AssertionError after a minute."""
        deadline = time.monotonic() + 60
        while self.rows(query) != [(True,)]:
            assert time.monotonic() < deadline, f"never true: {query}"
            time.sleep(0.005)

    def until_orch_waits(self) -> None:
        """Until a session of orch's in this database waits for a lock."""
        self.until(
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name LIKE 'orch:%' AND wait_event_type = 'Lock'"
        )

    def submit(self, *operations: str, batch_rows: int = 1000, more: str = "") -> Change:
        """Submit a change; ``TABLE`` in an operation is this schema with a dot."""
        id_ = f"{self.schema.replace('_', '-')}-{next(_numbers)}"
        lines = "\n".join(f"  - {operation.replace('TABLE', self.schema + '.')}" for operation in operations)
        source = _FILE.format(
            id=id_, operations=lines, batch_rows=batch_rows, gates=_GATES, unproved=NO_PROOF, more=more
        )
        self.service.submit(source, f"{id_}.yaml")
        return Change(id_, self.service)

    def close(self) -> None:
        """End the application's sessions."""
        self._stack.close()


def serve(url: str) -> Service:
    """A service over one database that is Registry and Target at once."""
    return Service(Config(registry_url=url, targets={"shop": TargetConfig("shop", url)}))


@contextlib.contextmanager
def benched(url: str) -> Iterator[Bench]:
    """A Bench in a prepared database; its schema is dropped at the end."""
    schema = f"shop{next(_numbers)}"
    name = sql.Identifier(schema)
    with psycopg.connect(url, autocommit=True) as link, serve(url) as service:
        link.execute(sql.SQL("CREATE SCHEMA {}").format(name))
        bench = Bench(url, schema, service)
        try:
            yield bench
        finally:
            bench.close()
            link.execute("SET client_min_messages = warning")
            link.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(name))


Patch = Callable[[Any, str, Any], None]


def after_each_batch(patch: Patch, action: Callable[[int], None]) -> None:
    """Do something as an application between any two batches; ``action`` gets the batch's number, from 0.

    ``patch`` is ``monkeypatch.setattr``.
    """
    original = PostgresSession.batch
    numbers = itertools.count()

    def batch(self: PostgresSession, *arguments: Any) -> Any:
        cursor = original(self, *arguments)
        action(next(numbers))
        return cursor

    patch(PostgresSession, "batch", batch)
