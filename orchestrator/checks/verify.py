"""The change's own verify queries: does each yield what its author expects?"""

from __future__ import annotations

import time
from collections.abc import Iterator

from orchestrator.checks._judge import DATA_GATES
from orchestrator.core.plan import Plan, Query
from orchestrator.core.ports import ConnectionLost, Reader, TargetError
from state.model import Finding, GateName, Verdict


class Verify:
    """Runs each query in a read-only session and compares its single value, as text."""

    name = "verify"
    gates = DATA_GATES

    def findings(self, plan: Plan, gate: GateName, reader: Reader) -> Iterator[Finding]:
        """One Finding per query."""
        for query in plan.verify:
            yield _ask(reader, query)


def _ask(reader: Reader, query: Query) -> Finding:
    started = time.monotonic()
    name, definition = f"verify:{query.name}", f"{query.sql} = {query.expect}"
    try:
        rows = reader.ask(query.sql)
    except ConnectionLost:
        raise
    except TargetError as error:
        detail = f"the query failed: SQLSTATE {error.sqlstate}"
        return Finding(name, definition, Verdict.UNKNOWN, detail=detail, seconds=time.monotonic() - started)
    if len(rows) != 1 or len(rows[0]) != 1:
        detail = f"the query gave {len(rows)} rows; it must give one row of one column"
        return Finding(name, definition, Verdict.UNKNOWN, detail=detail, seconds=time.monotonic() - started)
    agrees = _text(rows[0][0]) == query.expect
    detail = "as expected" if agrees else f"the answer is not {query.expect}"
    verdict = Verdict.PASS if agrees else Verdict.FAIL
    return Finding(name, definition, verdict, 0 if agrees else 1, (), detail, seconds=time.monotonic() - started)


def _text(value: object) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


plugin = Verify()
