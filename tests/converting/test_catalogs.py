"""What plain SQL leaves in a database is what its changes leave, once they have run to their end."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from orchestrator.converting._run import Converted, convert
from orchestrator.converting._yaml import ids, text_of
from orchestrator.dialects.postgres.knowing import look
from orchestrator.embedded import Server
from state.model import State
from tests.conformance.schema import differences, shape
from tests.converting.cases import CASES, SHOP, Case
from tests.service.world import QUICK, World, copied, service_at
from tests.support.release import NO_PROOF

HOSTILE = 'CREATE TABLE "Od.d" ("select" int, id int PRIMARY KEY); INSERT INTO "Od.d" VALUES (1, 1);'


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_catalogs_are_equal(case: Case, ready: str, server: Server, maintenance: psycopg.Connection[Any]) -> None:
    run(ready, SHOP + HOSTILE)
    name = str(conninfo_to_dict(ready)["dbname"])
    plain = f"{name}_plain"
    copied(maintenance, plain, name)
    try:
        for statement in case.sql.split("; "):
            run(server.url(plain), statement)
        by_phases(case, ready)
        with psycopg.connect(ready) as link, psycopg.connect(server.url(plain)) as other:
            assert differences(shape(link), shape(other)) == []
            if case.rows:
                assert link.execute(case.rows.encode()).fetchall() == other.execute(case.rows.encode()).fetchall()
    finally:
        maintenance.execute(f"DROP DATABASE {plain} WITH (FORCE)".encode())


def by_phases(case: Case, url: str) -> None:
    """Convert, and carry it out."""
    found = convert(case.sql, look(url), dict(case.answers))
    assert [verdict.why for verdict in found.of("left")] == []
    assert len(found.changes) == case.changes
    carried_out(found, url)


def carried_out(found: Converted, url: str) -> None:
    """Run what passes before, all changes to their ends, and what passes after."""
    passed = found.of("passed")
    for verdict in passed:
        run(url, verdict.part.sql if verdict.when == "before" else "")
    with service_at(url) as service:
        world = World(url, service)
        for change, requests in zip(ids("change", len(found.changes)), found.changes, strict=True):
            service.submit(text_of(change, "as people wrote it", requests) + QUICK + NO_PROOF, "change.yaml")
            world.to(State.COMPLETED, change)
    for verdict in passed:
        run(url, verdict.part.sql if verdict.when == "after" else "")


def run(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as link:
        link.execute(statement.encode())
