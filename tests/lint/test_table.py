"""The rules say what a live server does: every line of the table, against PostgreSQL itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from orchestrator.core.known import Known
from orchestrator.dialects.postgres.knowing import known as look
from orchestrator.dialects.postgres.script.acts import Act
from orchestrator.dialects.postgres.script.parts import Name
from orchestrator.dialects.postgres.script.reading import read
from orchestrator.dialects.postgres.script.sent import sent
from orchestrator.embedded import Server
from orchestrator.lint._effects import BLOCKS_WRITES, ORDER, Effect
from orchestrator.lint._run import lint
from orchestrator.lint._situation import Situation
from tests.lint.live import Seen, observe, observe_alone
from tests.lint.table import CASES, INDEXED, NONE, RE, SETUP, SETUP_18, TYPES, Case

QUIET = "SET lock_timeout = '1s';\n"
WEAK = ("", "ACCESS SHARE", "ROW SHARE")
"""Locks that rules do not speak of."""


@pytest.fixture(scope="module")
def link(server: Server, maintenance: psycopg.Connection[Any], worker_id: str) -> Iterator[psycopg.Connection[Any]]:
    name = f"lint_{worker_id}"
    maintenance.execute(f"CREATE DATABASE {name}")
    try:
        with psycopg.connect(server.url(name), autocommit=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute((TYPES + SETUP).encode())
            if connection.info.server_version >= 180000:
                connection.execute(SETUP_18)
            connection.execute("ANALYZE")
            yield connection
    finally:
        maintenance.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def big(link: psycopg.Connection[Any]) -> Known:
    """The database as it is, with tables that are not small."""
    found = look(link)
    return replace(found, utc=True, tables={name: replace(table, rows=10**7) for name, table in found.tables.items()})


def said(case: Case, known: Known | None) -> Counter[str]:
    found = lint(QUIET + case.sql + ";", known=known).findings
    return Counter(f"{each.rule}:{each.tier}" for each in found if each.rule != "row_type")


def test_the_table_is_long_enough_and_has_no_line_twice() -> None:
    assert len(CASES) >= 150
    assert len({case.sql for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sql)
def test_without_a_database(case: Case) -> None:
    assert said(case, None) == Counter(case.rules.split())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sql)
def test_with_a_database(case: Case, big: Known) -> None:
    if big.version < case.since:
        pytest.skip(f"PostgreSQL {case.since}")
    assert said(case, big) == Counter((case.rules if case.known is None else case.known).split())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sql)
def test_on_a_live_server(case: Case, link: psycopg.Connection[Any], big: Known) -> None:
    if big.version < case.since:
        pytest.skip(f"PostgreSQL {case.since}")
    seen = _observed(case, link)
    assert seen.state == case.fails
    if case.fails:
        return
    tables = (case.on, *(name for name, _ in case.others))
    expected = {case.on: case.lock, **dict(case.others)}
    real = {name: lock for name, lock in seen.locks.items() if lock and (lock not in WEAK or expected[name] == lock)}
    assert real == {name: lock for name, lock in expected.items() if lock}
    if not case.alone and case.lock not in (NONE, RE):  # rows are found by whatever plan there is
        assert seen.rewrites is case.rewrites
        assert case.rewrites or seen.scans is case.scans
    _agrees(case, tables, seen, big)


_BARE = """
SELECT count(*) FROM pg_catalog.pg_constraint o
 WHERE o.contype = 'f' AND o.oid > %s::int8 AND NOT EXISTS (
       SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
         JOIN pg_catalog.pg_am a ON a.oid = c.relam
        WHERE i.indrelid = o.conrelid AND a.amname IN ('btree', 'hash')
          AND (i.indkey::int2[])[0:cardinality(o.conkey) - 1] @> o.conkey)
"""


@pytest.mark.parametrize("script", [*INDEXED, *(case.sql for case in CASES if "REFERENCES" in case.sql)])
def test_foreign_keys_without_an_index_are_those_of_the_catalog(
    script: str, link: psycopg.Connection[Any], big: Known
) -> None:
    found = sum(each.rule == "foreign_key_without_index" for each in lint(script, known=big).findings)
    link.execute("BEGIN")
    try:
        before = link.execute("SELECT max(oid)::int8 FROM pg_catalog.pg_constraint").fetchone()
        link.execute(script.encode())
        assert link.execute(_BARE, before).fetchone() == (found,)
    finally:
        link.execute("ROLLBACK")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sql)
def test_what_locks_a_large_table_for_as_long_as_it_is_big_was_never_rehearsed(case: Case, big: Known) -> None:
    if case.since > big.version or case.fails or ";" in case.sql:
        return
    large = replace(big, rehearse_from=10**7)
    said = [each for each in lint(QUIET + case.sql, known=large).findings if each.rule == "never_rehearsed"]
    there = large.table("", case.on)
    is_long = there is not None and case.lock in BLOCKS_WRITES and (case.scans or case.rewrites)
    whole = "DOMAIN" not in case.sql and not case.sql.startswith(
        ("REINDEX INDEX", "TRUNCATE", "VACUUM", "CREATE INDEX x ON parent")
    )
    if whole:
        assert [each.tier for each in said] == (["major"] if is_long else [])
    for known in (big, replace(big, rehearse_from=10**7 + 1)):
        assert "never_rehearsed" not in {each.rule for each in lint(QUIET + case.sql, known=known).findings}


@pytest.mark.parametrize("case", [case for case in CASES if "one_alter" in case.rules], ids=lambda case: case.sql)
def test_what_could_be_one_statement_is_taken_as_one(case: Case, link: psycopg.Connection[Any]) -> None:
    parts = [each.strip() for each in case.sql.split(";") if "ALTER TABLE" in each]
    merged = "ALTER TABLE t " + ", ".join(re.sub(r"ALTER TABLE (public\.)?t ", "", each) for each in parts)
    one, two = observe(link, merged, ("t",)), observe(link, case.sql, ("t",))
    assert (one.state, one.locks, one.rewrites) == ("", two.locks, two.rewrites)


def _observed(case: Case, link: psycopg.Connection[Any]) -> Seen:
    if not case.alone:
        return observe(link, case.sql, (case.on, *(name for name, _ in case.others)))
    with psycopg.connect(link.info.dsn, autocommit=True) as other:
        if case.fails:
            with pytest.raises(psycopg.Error) as refused:
                other.execute(case.sql.encode())
            return Seen({}, False, False, refused.value.sqlstate or "?")
        return observe_alone(link, other, case.sql, case.on)


def _agrees(case: Case, tables: tuple[str, ...], seen: Seen, big: Known) -> None:
    """The linter's facts are the server's with a database, and never milder without one."""
    exact, blind = (_effect(case.sql, each) for each in (big, None))
    for name in tables:
        if exact is None or blind is None:
            continue
        if _lock(exact, name):
            assert _lock(exact, name) == seen.locks[name]
        assert ORDER.index(_lock(blind, name)) >= ORDER.index(_lock(exact, name))
    comparable = not case.alone and case.lock != RE
    if comparable and exact is not None and exact.locks and exact.locks[0][0].name == case.on:
        assert exact.rewrites is seen.rewrites
        assert exact.rewrites or exact.scans is seen.scans
    taken = set(seen.locks.values()) - {""}
    for finding in lint(QUIET + case.sql, known=big).findings:
        assert finding.lock is None or not taken or finding.lock in taken, finding


def _lock(effect: Effect, table: str) -> str:
    return max((lock for name, lock in effect.locks if name.name == table), key=ORDER.index, default="")


def _effect(statement: str, known: Known | None) -> Effect | None:
    """Of all acts of a statement together."""
    found: list[Act] = [act for each in read(statement) for act in each.acts]
    seen = Situation(sent(statement), known=known)
    effects = [seen.effect(act) for act in found]
    locks: list[tuple[Name, str]] = [each for effect in effects for each in effect.locks]
    return Effect(tuple(locks), any(e.rewrites for e in effects), any(e.scans for e in effects)) if effects else None


def test_small_tables_are_one_tier_less_and_say_how_big_they_are(link: psycopg.Connection[Any]) -> None:
    small = look(link)
    (one,) = lint(f"{QUIET}ALTER TABLE t ALTER n SET NOT NULL;", known=small).findings
    assert (one.rule, one.tier) == ("set_not_null", "major")
    assert "100 rows" in one.message
    (drop,) = lint(f"{QUIET}ALTER TABLE t DROP COLUMN a;", known=small).findings
    assert drop.tier == "critical"


def test_another_tablespace_is_a_rewrite(link: psycopg.Connection[Any], worker_id: str) -> None:
    name = f"lint_{worker_id}"
    link.execute("SET allow_in_place_tablespaces = on")
    link.execute(f"CREATE TABLESPACE {name} LOCATION ''")
    try:
        seen = observe(link, f"ALTER TABLE t SET TABLESPACE {name}", ("t",))
    finally:
        link.execute(f"DROP TABLESPACE {name}")
    assert seen == Seen({"t": "ACCESS EXCLUSIVE"}, True, False)


def test_a_timeout_of_the_role_is_known(link: psycopg.Connection[Any]) -> None:
    statement = "ALTER TABLE t ALTER a SET STORAGE external;"
    assert [each.rule for each in lint(statement, known=look(link)).findings] == ["no_lock_timeout"]
    link.execute("ALTER DATABASE " + (link.info.dbname) + " SET lock_timeout = '2s'")
    with psycopg.connect(link.info.dsn, autocommit=True) as other:
        assert lint(statement, known=look(other)).findings == ()
    link.execute("ALTER DATABASE " + (link.info.dbname) + " RESET lock_timeout")


def test_the_functions_that_count_as_not_volatile_are_not(link: psycopg.Connection[Any]) -> None:
    from orchestrator.lint._situation import not_volatile

    rows = link.execute(
        "SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND provolatile = 'v'"
    ).fetchall()
    assert not_volatile() & {row[0] for row in rows} == set()
    assert {"now", "concat", "lower", "jsonb_build_object", "date_trunc"} <= not_volatile()
