"""F11: the same expression, another session, another value.

In the field writers in two time zones stored instants five hours apart, and a function off the writer's search_path failed
its INSERT. The rule: every conversion is one schema-qualified function that pins all settings its result could depend on.
"""

from __future__ import annotations

from state.model import State, Verdict
from tests.support.changes import Bench

CASES = {
    "timestamp to timestamptz": ("timestamp", "timestamptz", "'2026-07-01 12:00'", "TimeZone = 'America/New_York'"),
    "timestamptz to text": ("timestamptz", "text", "'2026-07-01 12:00+00'", "TimeZone = 'Asia/Tokyo'"),
    "date to text": ("date", "text", "'2026-07-01'", "DateStyle = 'German'"),
    "interval to text": ("interval", "text", "'-1 day -2 hours'", "IntervalStyle = 'sql_standard'"),
    "float to text": ("double precision", "text", "0.1::float8 + 0.2", "extra_float_digits = -5"),
    "bytea to text": ("bytea", "text", "'\\x616263'", "bytea_output = 'escape'"),
}


def test_a_setting_of_the_writer_does_not_matter(bench: Bench) -> None:
    plain, odd = bench.connect(), bench.connect()
    for place, (before, _, value, setting) in enumerate(CASES.values()):
        bench.run(
            f"CREATE TABLE t{place} (id int PRIMARY KEY, x {before})", f"INSERT INTO t{place} VALUES (1, {value})"
        )
        odd.execute(f"SET {setting}".encode())
    change = bench.submit(
        *(
            f"change_type: {{table: TABLEt{place}, column: x, to: y, type: {after}}}"
            for place, (_, after, _, _) in enumerate(CASES.values())
        )
    )
    change.to(State.EXPANDED)
    for place, (_, _, value, _) in enumerate(CASES.values()):
        for id_, writer in ((2, plain), (3, odd)):
            writer.execute(f"INSERT INTO t{place} (id, x) VALUES ({id_}, {value})".encode())
    change.to(State.BACKFILLED)
    for place, case in enumerate(CASES):
        seen = bench.rows(f"SELECT count(*), count(DISTINCT y), count(DISTINCT x) FROM t{place}")
        assert seen == [(3, 1, 1)], case
    found = change.service.verify(change.id, checks=["shapes_agree"]).findings
    assert {each.verdict for each in found} == {Verdict.PASS}


def test_a_writer_with_any_search_path_reaches_the_functions_of_an_expression(bench: Bench) -> None:
    decoy = f"{bench.schema}_decoy"
    bench.run(
        f"CREATE SCHEMA {decoy}",
        f"CREATE FUNCTION {decoy}.lower(text) RETURNS text LANGUAGE sql IMMUTABLE RETURN 'hijacked'",
        "CREATE FUNCTION tidy(text) RETURNS text LANGUAGE sql IMMUTABLE RETURN lower($1) || '!'",
        "CREATE TABLE t (id serial PRIMARY KEY, a text DEFAULT 'none')",
    )
    change = bench.submit(
        "change_type: {table: TABLEt, column: a, to: b, type: text, up: lower(tidy(a)), down: b, default: \"'none!'\"}"
    )
    change.to(State.EXPANDED)
    writer = bench.connect()
    for path in ("''", "pg_temp", "nowhere", f"{decoy}, pg_catalog"):
        writer.execute(f"SET search_path = {path}".encode())
        writer.execute(f"INSERT INTO {bench.schema}.t (a) VALUES ('X')".encode())
        writer.execute(f"INSERT INTO {bench.schema}.t (b) VALUES ('Y')".encode())
    assert bench.rows("SELECT a, b FROM t ORDER BY id") == [("X", "x!"), ("Y", "Y")] * 4
    bench.run(f"DROP SCHEMA {decoy} CASCADE")
