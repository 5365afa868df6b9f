"""A Registry whose roles are in force, and real logins, each a member of what it names and of nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import DuplicateObject, UniqueViolation

from migrations_meta.upgrade import separate
from orchestrator.embedded import Server
from state.store import Registry

LOGINS = {
    "sec_worker": ("orch_worker",),
    "sec_ada": ("orch_operator",),
    "sec_bob": ("orch_operator",),
    "sec_auditor": ("orch_auditor",),
    "sec_both": ("orch_worker", "orch_operator"),
    "sec_owner": ("orch_owner",),
    "sec_nobody": (),
}


@dataclass(frozen=True)
class Place:
    """One database with a Registry and its logins."""

    server: Server
    database: str
    stack: ExitStack

    def url(self, login: str = "postgres") -> str:
        return self.server.url(self.database, user=login)

    def connect(self, login: str = "postgres") -> psycopg.Connection[Any]:
        return self.stack.enter_context(psycopg.connect(self.url(login), autocommit=True))

    def registry(self, login: str = "postgres") -> Registry:
        return self.stack.enter_context(Registry(self.url(login)))


Refused = Callable[..., str]


@pytest.fixture
def bare(server: Server, database: str) -> Iterator[Place]:
    """The logins exist; the Registry does not yet."""
    with ExitStack() as stack:
        name = database.split("?")[0].rsplit("/", 1)[1]
        place = Place(server, name, stack)
        yield place


@pytest.fixture
def place(bare: Place) -> Place:
    """The roles are in force and everybody is a member of theirs."""
    separate(bare.url())
    admin = bare.connect()
    for name, roles in LOGINS.items():
        make_login(admin, name, *roles)
    return bare


def make_login(admin: psycopg.Connection[Any], name: str, *roles: str) -> None:
    """A login role. Roles belong to the server, which other test processes share: they stay, and are never changed."""
    with suppress(DuplicateObject, UniqueViolation):
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
    for role in roles:
        granted = sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(name))
        for _ in range(20):
            with suppress(UniqueViolation, psycopg.errors.InternalError_):
                admin.execute(granted)
                break
