"""The plain DDL of every operation's example, converted: its changes leave the schema that the DDL leaves."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from orchestrator.converting._run import convert
from orchestrator.dialects.postgres.knowing import look
from orchestrator.embedded import Server
from tests.conformance.example import Case, cases
from tests.conformance.schema import differences, shape
from tests.converting.test_catalogs import carried_out
from tests.service.world import copied

LEFT = {
    "change_primary_key_type-0": "TYPE bigint",
    "change_primary_key_type-1": "DO",
    "change_primary_key_type-2": "TYPE bigint",
    "change_type-1": "UPDATE orders SET full_place = lower(full_place)",
    "replace_enum-0": "DROP TYPE",
    "replace_index-0": "WITH (fillfactor",
    "sql-0": "DROP TYPE paper",
}
"""Examples of which something is rightly not understood, and what."""
ANSWERS = {
    "drop_column-0": {"orders.fax": "''"},
    "drop_column-1": {"orders.size": "0"},
    "merge_columns-0": {"customers.firstname": "''"},
    "split_column-0": {"customers.fullname": "''"},
}
"""What only a person can say: what old versions read."""


@pytest.mark.parametrize("case", cases(), ids=str)
def test_plain_ddl_of_an_example_converts(
    case: Case, ready: str, server: Server, maintenance: psycopg.Connection[Any]
) -> None:
    name = str(conninfo_to_dict(ready)["dbname"])
    run(ready, case.example.setup)
    found = convert(case.example.plain, look(ready), ANSWERS.get(str(case)))
    left = [verdict.part.sql for verdict in found.of("left")]
    if left:
        assert any(LEFT[str(case)] in each for each in left)
        return
    assert str(case) not in LEFT
    copied(maintenance, f"{name}_plain", name)
    try:
        run(server.url(f"{name}_plain"), case.example.plain)
        carried_out(found, ready)
        with psycopg.connect(ready) as link, psycopg.connect(server.url(f"{name}_plain")) as other:
            assert differences(shape(link), shape(other)) == []
    finally:
        maintenance.execute(f"DROP DATABASE {name}_plain WITH (FORCE)".encode())


def run(url: str, text: str) -> None:
    with psycopg.connect(url, autocommit=True) as link:
        link.execute(text.encode())
