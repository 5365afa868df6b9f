"""A range that takes too long is cut smaller, and what stays too long has no verdict; neither holds a snapshot for long."""

from __future__ import annotations

import pytest

from orchestrator.dialects.postgres import ranges
from orchestrator.engine import comparing
from state.model import State, Verdict
from tests.support.changes import Bench

ROWS = 60
CHANGE = "change_type: {table: TABLEt, column: a, to: b, type: int, up: 'TABLEslow(a)', down: 'b::text'}"
SLOW = """
CREATE FUNCTION slow(value text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM pg_sleep((SELECT seconds FROM SCHEMA.pace));
    RETURN length(value);
END $$
"""


def test_a_slow_range_is_cut_smaller_and_what_stays_slow_is_unknown(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run(
        "CREATE TABLE pace AS SELECT 0.0 AS seconds",
        SLOW.replace("SCHEMA", bench.schema),
        "CREATE TABLE t (k int PRIMARY KEY, a text)",
        f"INSERT INTO t SELECT i, repeat('a', i) FROM generate_series(1, {ROWS}) i",
    )
    change = bench.submit(CHANGE)
    change.to(State.BACKFILLED)
    monkeypatch.setattr(comparing, "FIRST", ROWS)
    bench.run("UPDATE pace SET seconds = 0.02")
    monkeypatch.setattr(ranges, "PART", "600ms")
    found = change.finding("shapes_agree")
    assert (found.verdict, found.rows) == (Verdict.PASS, ROWS)
    monkeypatch.setattr(ranges, "PART", "100ms")
    found = change.finding("shapes_agree")
    assert found.verdict is Verdict.UNKNOWN
    assert "even 10 rows" in found.detail
