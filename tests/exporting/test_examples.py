"""Every example of every operation, exported: its files leave what plain DDL leaves, and their ways back what was there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from orchestrator.core.errors import Invalid
from orchestrator.core.exported import Exported
from orchestrator.embedded import Server
from orchestrator.exporting._model import Start
from orchestrator.exporting.golang_migrate import plugin
from tests.conformance.example import Case, cases
from tests.conformance.schema import differences, shape
from tests.exporting.tools import by_message
from tests.service.world import copied, service_at

PARTITIONED = ("add_index", "drop_index", "replace_index", "add_unique", "add_primary_key")
"""Operations that the catalog leads from partition to partition, where there are any."""


@pytest.fixture
def plain(ready: str, server: Server, maintenance: psycopg.Connection[Any]) -> Iterator[str]:
    """A second database like the first, for plain DDL."""
    name = str(conninfo_to_dict(ready)["dbname"])
    copied(maintenance, f"{name}_plain", name)
    yield server.url(f"{name}_plain")
    maintenance.execute(f"DROP DATABASE {name}_plain WITH (FORCE)".encode())


@pytest.mark.parametrize("case", cases(), ids=str)
def test_an_exported_example_leaves_what_plain_ddl_leaves(case: Case, ready: str, plain: str) -> None:
    for url, text in ((ready, case.example.setup), (plain, case.example.setup), (plain, case.example.plain)):
        by_message(url, text)
    with psycopg.connect(ready) as link, psycopg.connect(plain) as other:
        before, wanted = shape(link), shape(other)
    if case.operation in PARTITIONED and "PARTITION BY" in case.example.setup:
        with pytest.raises(Invalid, match="partition by partition"):
            of(case, ready)
        return
    exported = of(case, ready)
    files = plugin.write(exported, Start(datetime(2026, 1, 1, tzinfo=UTC)))
    ups = [path for path in sorted(files) if path.endswith(".up.sql")]
    kept = [path for path in ups if not leads_nowhere(files[down(path)])]
    if ups[: len(kept)] == kept:
        for path in kept:
            by_message(ready, files[path])
        for path in reversed(kept):
            by_message(ready, files[down(path)])
        with psycopg.connect(ready) as link:
            assert differences(shape(link), before) == []
    for path in ups:
        by_message(ready, files[path])
    with psycopg.connect(ready) as link:
        assert differences(shape(link), wanted) == []


def of(case: Case, url: str) -> Exported:
    with service_at(url) as service:
        return service.exported(json.dumps({"change": "example", **case.example.change}), "example.yaml")


def down(path: str) -> str:
    return path.removesuffix(".up.sql") + ".down.sql"


def leads_nowhere(text: str) -> bool:
    return "nothing leads back" in text
