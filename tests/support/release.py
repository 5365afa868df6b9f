"""A change taken through its phases by the service, as a test wants it: approve, advance, stop at a state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from orchestrator.config import Config, TargetConfig
from orchestrator.core.progress import Listener, nobody
from orchestrator.core.status import Status
from orchestrator.service import Service
from state.model import State

NO_PROOF = "readers: {statements: none, reason: the servers of tests keep no statistics of statements}\n"
NO_SOAK = "gates: {contract: {soak: 0s}, purge: {soak: 0s}}\n"


@dataclass
class Release:
    """A service over one database that is registry and target at once."""

    url: str
    service: Service

    def submit(self, operation: str, *, change: str = "change", more: str = "") -> str:
        """Submit a change of one or several operations (lines of YAML, without the dash)."""
        operations = "".join(f"  - {line.strip()}\n" for line in operation.strip().splitlines())
        unproved = "" if "readers:" in more else NO_PROOF
        self.service.submit(f"change: {change}\noperations:\n{operations}{NO_SOAK}{unproved}{more}", f"{change}.yaml")
        return change

    def to(
        self,
        state: State,
        change: str = "change",
        *,
        listen: Listener = nobody,
        before: Callable[[Status], None] = lambda _status: None,
    ) -> Status:
        """Approve and advance until ``state``; ``before`` sees each status on the way."""
        for _ in range(12):
            status = self.service.status(change)
            if status.state is state:
                return status
            before(status)
            if status.gate is not None:
                self.service.approve(change)
            self.service.advance(change, listen=listen)
        raise AssertionError(f"{change} never became {state}, it is {self.service.status(change).state}")

    def run(self, *statements: str) -> None:
        """Statements of an application, each its own transaction."""
        with psycopg.connect(self.url, autocommit=True) as link:
            for statement in statements:
                link.execute(statement.encode())

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """All rows of a query, by a session that is not orch's."""
        with psycopg.connect(self.url, autocommit=True) as link:
            return link.execute(query.encode()).fetchall()


def at(url: str) -> Release:
    """A Release over a database in which both schemas are created."""
    return Release(url, Service(Config(registry_url=url, targets={"t": TargetConfig("t", url)})))


def released(url: str) -> Release:
    """A Release with both schemas created."""
    release = at(url)
    release.service.init()
    return release
