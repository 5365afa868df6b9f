"""Databases on which a proof is tried: the server of the run, and one that keeps statistics of statements."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from orchestrator import embedded
from orchestrator.core.catalog import TableName
from orchestrator.core.parkstep import ParkColumn
from orchestrator.core.reading import Proof, Rehearsal, Statement
from orchestrator.core.step import Step
from orchestrator.dialects.postgres.target import PostgresTarget
from tests.support.server import SETTINGS, bin_dir

_numbers = itertools.count(1)
ORDERS = TableName("public", "orders")
SHOP = """
CREATE TABLE orders (
    id bigint PRIMARY KEY, email text, note text, created_at timestamptz, total numeric, customer_email text UNIQUE, data jsonb
);
CREATE TABLE customers (id bigint PRIMARY KEY, name text, order_id bigint);
"""
PARK = ParkColumn(ORDERS, "email", "email_parked")
Rehearsed = Callable[..., Proof]


@pytest.fixture
def rehearse(ready: str) -> Rehearsed:
    """Rehearse parking ``email``: ``rehearse(statements…, setup=…, steps=…)``; ``setup`` makes more of the shop."""

    def proof(*texts: str, setup: str = "", steps: tuple[Step, ...] = (PARK,), path: str | None = None) -> Proof:
        with psycopg.connect(ready, autocommit=True) as link:
            link.execute("DROP TABLE IF EXISTS orders, customers CASCADE")
            link.execute(SHOP.encode())
            link.execute(setup.encode())
        statements = tuple(Statement(text, path=path) for text in texts)
        with PostgresTarget("shop", ready).reader() as reader:
            return reader.rehearse(Rehearsal("c", (), (), steps, (ORDERS,), statements))

    return proof


def _with_statistics() -> Path | None:
    """Binaries of a server that has pg_stat_statements: the ones under test, else Debian's."""
    for place in (bin_dir(), *sorted(Path("/usr/lib/postgresql").glob("*/bin"))):
        if place is not None and _has_statistics(place):
            return place
    return None


def _has_statistics(place: Path) -> bool:
    roots = (place.parent, Path("/usr/share/postgresql") / place.parent.name)
    return any(root.glob("**/extension/pg_stat_statements.control") for root in roots if root.exists()) and any(
        place.parent.glob("**/pg_stat_statements.so")
    )


@pytest.fixture(scope="session")
def counting() -> Iterator[embedded.Server]:
    """A server that keeps statistics of statements; skipped, and said so, where this machine has none."""
    place = _with_statistics()
    if place is None:
        pytest.skip("no PostgreSQL with pg_stat_statements on this machine: apt-get install postgresql-15")
    settings = {**SETTINGS, "shared_preload_libraries": "pg_stat_statements"}
    with embedded.running(settings=settings, bin_dir=place) as server:
        yield server


@contextmanager
def _made(server: embedded.Server) -> Iterator[str]:
    name = f"proof_{next(_numbers)}"
    url = embedded.create_database(server, name)
    try:
        yield url
    finally:
        embedded.drop_database(server, name)


@pytest.fixture
def counted(counting: embedded.Server) -> Iterator[str]:
    """The URL of an empty database with pg_stat_statements, its counts begun anew."""
    with ExitStack() as stack:
        url = stack.enter_context(_made(counting))
        link = stack.enter_context(psycopg.connect(url, autocommit=True))
        link.execute("CREATE EXTENSION pg_stat_statements")
        link.execute("SELECT pg_stat_statements_reset()")
        yield url


def databases(url: str) -> set[str]:
    """Every database of the server."""
    with psycopg.connect(url, autocommit=True) as link:
        return {str(row[0]) for row in link.execute("SELECT datname FROM pg_database").fetchall()}


def made(url: str, name: str, comment: str | None, content: str = "") -> None:
    """A database as somebody else, or a killed orch, would leave it."""
    with psycopg.connect(url, autocommit=True) as link:
        link.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        if comment is not None:
            link.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(comment)))
    if content:
        with psycopg.connect(url, dbname=name, autocommit=True) as link:
            link.execute(content.encode())
