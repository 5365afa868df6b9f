"""Every row is compared once, whatever its key: the bounds of ranges are in the order of the key's own index.

The oracle is the plain statement over the whole table; which rows are wrong is known from how they were made.
"""

from __future__ import annotations

import pytest

from state.model import Finding, State, Verdict
from tests.comparing.conftest import Ranges
from tests.support.changes import Bench, Change

RENAME = "rename_column: {table: TABLEt, column: a, to: b}"
UNSEEN = "SET session_replication_role = replica"
SEEN = "RESET session_replication_role"
ROWS = 60

BACKWARDS = (
    "CREATE TYPE r",
    "CREATE FUNCTION r_in(cstring) RETURNS r AS 'textin' LANGUAGE internal IMMUTABLE STRICT",
    "CREATE FUNCTION r_out(r) RETURNS cstring AS 'textout' LANGUAGE internal IMMUTABLE STRICT",
    "CREATE TYPE r (INPUT = r_in, OUTPUT = r_out, LIKE = text, COLLATABLE = true)",
    "CREATE CAST (r AS text) WITHOUT FUNCTION AS IMPLICIT",
    "CREATE CAST (text AS r) WITHOUT FUNCTION AS ASSIGNMENT",
    *(
        f"CREATE FUNCTION r_{name}(r, r) RETURNS bool AS 'text_{other}' LANGUAGE internal IMMUTABLE STRICT"
        for name, other in (("lt", "gt"), ("le", "ge"), ("gt", "lt"), ("ge", "le"))
    ),
    "CREATE FUNCTION r_eq(r, r) RETURNS bool AS 'texteq' LANGUAGE internal IMMUTABLE STRICT",
    "CREATE FUNCTION r_cmp(r, r) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT bttextcmp($2::text, $1::text)'",
    *(
        f"CREATE OPERATOR {sign} (LEFTARG = r, RIGHTARG = r, FUNCTION = r_{name})"
        for sign, name in (("<", "lt"), ("<=", "le"), (">", "gt"), (">=", "ge"), ("=", "eq"))
    ),
    "CREATE OPERATOR CLASS r_ops DEFAULT FOR TYPE r USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =,"
    " OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 r_cmp(r, r)",
)
"""A type that sorts backwards and can become text, which sorts forwards: as citext, whose order is not that of its text."""
KEYS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "bigint": ((), "k bigint PRIMARY KEY", "i - 30"),
    "text": ((), "k text PRIMARY KEY", "(CASE i % 3 WHEN 0 THEN 'É' WHEN 1 THEN 'e' ELSE '_E' END) || i"),
    "text, another collation": ((), 'k text COLLATE "C" PRIMARY KEY', "(CASE i % 2 WHEN 0 THEN 'a' ELSE 'B' END) || i"),
    "char": ((), "k char(9) PRIMARY KEY", "i::text"),
    "uuid": ((), "k uuid PRIMARY KEY", "md5(i::text)::uuid"),
    "numeric": ((), "k numeric PRIMARY KEY", "(i - 30) / 7.0"),
    "double": (
        (),
        "k double precision PRIMARY KEY",
        "CASE i WHEN 1 THEN 'NaN' WHEN 2 THEN '-Infinity' ELSE i / 7.0 END",
    ),
    "timestamptz": (
        (),
        "k timestamptz PRIMARY KEY",
        "'2026-03-29 00:00 Europe/Berlin'::timestamptz + i * '7 min'::interval",
    ),
    "bytea": ((), "k bytea PRIMARY KEY", "decode(md5(i::text), 'hex')"),
    "inet": ((), "k inet PRIMARY KEY", "'10.0.0.0'::inet + i * 77"),
    "enum": (
        ("CREATE TYPE mood AS ENUM ('z', 'a')",),
        "k mood, l int, PRIMARY KEY (k, l)",
        "(ARRAY['a','z'])[1 + i % 2]::mood, i",
    ),
    "composite": ((), "k int, l text, PRIMARY KEY (l, k)", "i % 5, i::text"),
    "domain": (('CREATE DOMAIN d AS text COLLATE "C"',), "k d PRIMARY KEY", "'x' || i"),
    "backwards": (BACKWARDS, "k r PRIMARY KEY", "('x' || lpad(i::text, 3, '0'))::text::r"),
    "unique": ((), "k int NOT NULL UNIQUE", "i * 7"),
    "hostile": ((), '"xmin ""k" int PRIMARY KEY', "i"),
    "partitioned": (
        (),
        "k int, l int, PRIMARY KEY (k, l)",
        "i, i % 3",
    ),
}


def _made(bench: Bench, kind: str) -> Change:
    before, columns, values = KEYS[kind]
    split = " PARTITION BY LIST (l)" if kind == "partitioned" else ""
    bench.run(
        *before,
        f"CREATE TABLE t ({columns}, a text, n int UNIQUE)"
        if not split
        else f"CREATE TABLE t ({columns}, a text, n int){split}",
    )
    if split:
        bench.run(*(f"CREATE TABLE t{part} PARTITION OF t FOR VALUES IN ({part})" for part in range(3)))
    bench.run(f"INSERT INTO t SELECT {values}, 'a' || i, i FROM generate_series(1, {ROWS}) i")
    change = bench.submit(RENAME)
    change.to(State.BACKFILLED)
    return change


def _drifted(bench: Bench, change: Change, *numbers: int) -> Finding:
    chosen = ", ".join(map(str, numbers)) or "0"
    bench.run(UNSEEN, f"UPDATE t SET b = 'drifted' WHERE n IN ({chosen})", SEEN)
    return change.finding("shapes_agree")


@pytest.mark.parametrize("kind", KEYS)
def test_every_row_is_compared_once_and_every_drift_is_found(bench: Bench, ranges: Ranges, kind: str) -> None:
    change = _made(bench, kind)
    ranges.seen.clear()
    found = change.finding("shapes_agree")
    assert (found.verdict, found.rows) == (Verdict.PASS, ROWS)
    assert ranges.cut("shapes_agree") > ROWS // 7
    for number in (1, 2, 29, 30, 31, ROWS - 1, ROWS):
        found = _drifted(bench, change, number)
        assert (found.verdict, found.mismatches, found.rows, len(found.samples)) == (Verdict.FAIL, 1, ROWS, 1)
        bench.run(UNSEEN, "UPDATE t SET b = a", SEEN)


def test_every_row_wrong_is_every_row_counted_and_the_first_keys_shown(bench: Bench, ranges: Ranges) -> None:
    change = _made(bench, "bigint")
    found = _drifted(bench, change, *range(1, ROWS + 1))
    keys = sorted(f"k={number - 30}" for number in range(1, ROWS + 1))
    assert (found.mismatches, found.samples) == (ROWS, tuple(keys[:5]))


@pytest.mark.parametrize("rows", [0, 1, 6, 7, 8, 14])
def test_few_rows(bench: Bench, ranges: Ranges, rows: int) -> None:
    bench.run(
        "CREATE TABLE t (k int PRIMARY KEY, a text)", f"INSERT INTO t SELECT i, 'a' FROM generate_series(1, {rows}) i"
    )
    change = bench.submit(RENAME)
    change.to(State.BACKFILLED)
    found = change.finding("shapes_agree")
    assert (found.verdict, found.rows) == (Verdict.PASS, rows)
    if rows:
        bench.run(UNSEEN, f"UPDATE t SET b = 'drifted' WHERE k = {rows}", SEEN)
        assert change.finding("shapes_agree").samples == (f"k={rows}",)


def test_a_key_that_may_be_null_by_now_is_not_gone_by(bench: Bench, ranges: Ranges) -> None:
    bench.run(
        "CREATE TABLE t (k int NOT NULL UNIQUE, a text)", "INSERT INTO t SELECT i, 'a' FROM generate_series(1, 40) i"
    )
    change = bench.submit(RENAME)
    change.to(State.BACKFILLED)
    bench.run("ALTER TABLE t ALTER k DROP NOT NULL", UNSEEN, "INSERT INTO t VALUES (NULL, 'a', 'drifted')", SEEN)
    found = change.finding("shapes_agree")
    assert (found.verdict, found.mismatches, found.rows) == (Verdict.FAIL, 1, 41)


def test_a_table_without_a_key_is_compared_in_one_statement_or_not_at_all(
    bench: Bench, ranges: Ranges, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestrator.dialects.postgres import ranges as dialect

    bench.run("CREATE TABLE t (a text)", "INSERT INTO t SELECT 'a' || i FROM generate_series(1, 30000) i")
    change = bench.submit(RENAME)
    change.to(State.BACKFILLED)
    ranges.seen.clear()
    assert change.finding("shapes_agree").rows == 30000
    assert [rows for _, rows, _ in ranges.seen] == [None]
    monkeypatch.setattr(dialect, "WHOLE", "1ms")
    found = change.finding("shapes_agree")
    assert found.verdict is Verdict.UNKNOWN
    assert "has no key to go by" in found.detail
