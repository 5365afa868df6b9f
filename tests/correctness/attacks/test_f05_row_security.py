"""F5: FORCE ROW LEVEL SECURITY binds even the owner, and hides rows from whoever is bound.

In the field half of the rows stayed unfilled, and the owner's check counted none. The rule: our sessions ask with row_security
off, so that a login that policies bind gets 42501 instead of a part of the truth.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from orchestrator import embedded
from orchestrator.config import Config, TargetConfig
from orchestrator.core.errors import Blocked, OrchError
from orchestrator.embedded import Server
from orchestrator.service import Service
from state.model import State, Verdict
from tests.support.changes import Bench


@pytest.fixture(scope="module")
def owned(server: Server, maintenance: psycopg.Connection[Any], worker_id: str) -> Iterator[tuple[str, str]]:
    """A database whose Target schema belongs to a login without BYPASSRLS, and that login."""
    name = f"bound_{worker_id}"
    role = sql.Identifier(name)
    maintenance.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
    url = embedded.create_database(server, name)
    maintenance.execute(sql.SQL("GRANT pg_monitor TO {}").format(role))
    maintenance.execute(sql.SQL("GRANT CREATE ON DATABASE {0} TO {0}").format(role))
    target = TargetConfig("shop", make_conninfo(url, user=name))
    with Service(Config(url, {"shop": target})) as bound:
        bound.init()
    try:
        yield url, name
    finally:
        embedded.drop_database(server, name)
        maintenance.execute(sql.SQL("DROP ROLE {}").format(role))


@pytest.fixture
def bound(owned: tuple[str, str]) -> Iterator[Bench]:
    """An application as superuser, and orch as the owner whom the policy binds once ``hide`` is run."""
    url, role = owned
    target = TargetConfig("shop", make_conninfo(url, user=role))
    with psycopg.connect(url, autocommit=True) as link, Service(Config(url, {"shop": target})) as service:
        link.execute(sql.SQL("CREATE SCHEMA shop AUTHORIZATION {}").format(sql.Identifier(role)))
        bench = Bench(url, "shop", service)
        bench.run("CREATE TABLE t (id int PRIMARY KEY, a text, tenant int)", f"ALTER TABLE t OWNER TO {role}")
        bench.run("INSERT INTO t SELECT i, 'a' || i, i % 2 FROM generate_series(1, 10) i")
        yield bench
        bench.close()
        link.execute("SET client_min_messages = warning; DROP SCHEMA shop CASCADE")


HIDE = (
    "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE t FORCE ROW LEVEL SECURITY",
    "CREATE POLICY half ON t USING (tenant = 1)",
)
SHOW = ("ALTER TABLE t NO FORCE ROW LEVEL SECURITY",)


def test_the_backfill_refuses_rather_than_fill_what_it_sees(bound: Bench) -> None:
    change = bound.submit("rename_column: {table: TABLEt, column: a, to: b}")
    change.to(State.EXPANDED)
    bound.run(*HIDE)
    with pytest.raises(OrchError, match="42501"):
        change.to(State.BACKFILLED)
    assert bound.rows("SELECT count(b) FROM t") == [(0,)]
    bound.run(*SHOW)
    change.to(State.BACKFILLED)
    assert bound.rows("SELECT count(*) FROM t WHERE a = b") == [(10,)]
    change.abort()


def test_checks_are_unknown_and_close_the_gate_rather_than_count_what_they_see(bound: Bench) -> None:
    change = bound.submit("rename_column: {table: TABLEt, column: a, to: b}")
    change.to(State.BACKFILLED)
    bound.run(
        "SET session_replication_role = replica",
        "UPDATE t SET b = 'drift' WHERE id = 2",
        "RESET session_replication_role",
    )
    bound.run(*HIDE)
    for check in ("shapes_agree", "backfill_complete"):
        assert change.finding(check).verdict is Verdict.UNKNOWN, check
    change.verify()
    with pytest.raises(Blocked, match="42501"):
        change.to(State.SWITCHED)
    bound.run(*SHOW)
    found = change.finding("shapes_agree")
    assert (found.verdict, found.samples) == (Verdict.FAIL, ("id=2",))
