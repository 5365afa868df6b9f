"""Every operation, rehearsed: nothing fails that must work, and what breaks at contract is what plain DDL breaks.

The oracle is a database on which the example's plain DDL was run: there the server says which statements of the old shape it no
longer takes.
"""

from __future__ import annotations

import itertools
import json

import psycopg
import pytest
from psycopg import sql

from orchestrator import embedded
from orchestrator.config import Config, TargetConfig
from orchestrator.rehearsal import rehearse
from orchestrator.rehearsal.model import Report
from tests.conformance.example import Case, cases
from tests.conformance.walk import FRAME

FIRST = [case for case in cases() if case.number == 0]


def _rehearsed(url: str, case: Case) -> Report:
    with psycopg.connect(url, autocommit=True) as link:
        link.execute(case.example.setup.encode())
        link.execute("ANALYZE")
    source = json.dumps({"change": "it", **case.example.change, **FRAME})
    config = Config(url, {"shop": TargetConfig("shop", url)})
    return rehearse.rehearsed(config, source, "it.yaml", rehearse.Options(5.0), print)


def _refused(url: str, text: str) -> bool:
    """Whether the server does not take a statement, whatever its values are."""
    numbers = itertools.count(1)
    query = "".join(f"${next(numbers)}" if letter == "?" else letter for letter in text)
    with psycopg.connect(url, autocommit=True) as link:
        try:
            link.execute(sql.SQL("PREPARE asked AS {}").format(sql.SQL(query)))
        except psycopg.Error as error:
            return (error.sqlstate or "").startswith("42")
        return False


@pytest.mark.parametrize("case", FIRST, ids=str)
def test_what_breaks_at_contract_is_what_plain_ddl_breaks(
    case: Case, database: str, server: embedded.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearse, "_QUIET", 0.3)
    report = _rehearsed(database, case)
    assert report.faults == ()
    assert not [ending for ending in report.endings if "another schema" in ending]
    plain = embedded.create_database(server, f"{database.split('/')[-1].split('?')[0]}_plain")
    try:
        with psycopg.connect(plain, autocommit=True) as link:
            link.execute(case.example.setup.encode())
            link.execute(case.example.plain.encode())
        old = [each for each in report.statements if each.shape != "new"]
        wanted = {each.text for each in old if _refused(plain, each.text)}
    finally:
        embedded.drop_database(server, plain.split("/")[3].split("?")[0])
    last = [phase for phase in report.phases if phase in ("contract", "contract again", "purge")][-1]
    seen = {each.text for each in old if "(42" in each.cells[_last(each.cells, last)].error}
    assert seen == wanted


def _last(cells: object, phase: str) -> str:
    assert isinstance(cells, dict)
    there = [each for each in ("purge", "contract again", "contract", "expand", "before") if each in cells]
    return phase if phase in cells else there[0]
