"""A migrated Registry, Changes to put into it, and people to speak at its gates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import DuplicateObject, UniqueViolation

from migrations_meta.upgrade import upgrade
from orchestrator.core.audit import Problem, verify
from state import queries
from state.digest import plan_sha256
from state.store import NewChange, NewStep, Registry

Person = Callable[[str], Registry]


@pytest.fixture
def url(database: str) -> str:
    upgrade(database)
    return database


@pytest.fixture
def registry(url: str) -> Iterator[Registry]:
    with Registry(url) as opened:
        yield opened


@pytest.fixture
def person(url: str) -> Iterator[Person]:
    """A Registry as another login role that may do what operators may."""
    made: list[str] = []
    with ExitStack() as stack, psycopg.connect(url, autocommit=True) as admin:

        def login(name: str) -> Registry:
            role = sql.Identifier(name)
            # Roles belong to the server, which other test processes share.
            with suppress(DuplicateObject, UniqueViolation):
                admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
            made.append(name)
            for grant in (
                "GRANT USAGE ON SCHEMA orch TO {}",
                "GRANT SELECT ON ALL TABLES IN SCHEMA orch TO {}",
                "GRANT EXECUTE ON FUNCTION orch.decide_gate TO {}",
            ):
                admin.execute(sql.SQL(grant).format(role))
            return stack.enter_context(Registry(url.replace("postgres@", f"{name}@")))

        yield login
        for name in made:
            admin.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))


def new(change_id: str = "orders-email", **other: Any) -> NewChange:
    """A small Change; ``plan`` and ``definition`` decide whether it is the same."""
    plan = other.pop("plan", {"steps": [], "park": 604800.0})
    given = {
        "title": "Rename orders.email",
        "target": "shop",
        "source": "change: orders-email\n",
        "definition": {"change": change_id},
        "plan": plan,
        "plan_sha256": plan_sha256(plan),
        **other,
    }
    return NewChange(change_id, **given)


def new_steps(change_id: str = "orders-email", count: int = 3) -> list[NewStep]:
    phases = ("expand", "backfill", "switch_reads", "contract", "purge")
    return [
        NewStep(at, f"{change_id}:{at}", phases[at % 5], "add_column", f"step {at}", {"n": at}) for at in range(count)
    ]


def audit(registry: Registry) -> list[Problem]:
    """The whole Registry, audited in one snapshot."""
    with registry.reading() as connection:
        head = queries.head(connection)
        return verify(
            queries.events(connection),
            queries.changes(connection),
            queries.all_steps(connection),
            head=(head.seq, head.sha256),
            approvals=queries.all_approvals(connection),
            evidence=queries.all_evidence(connection),
            needed=queries.all_approvals_needed(connection),
        )
