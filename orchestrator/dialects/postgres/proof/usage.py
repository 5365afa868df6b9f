"""The statements that applications send, as pg_stat_statements keeps them, and what it may have missed.

Why it exists: it is the only witness that a server has anyway. What it cannot have seen is told with what it saw.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import postgast
import psycopg

from orchestrator.core.catalog import TableName
from orchestrator.core.reading import Coverage, Statement, Usage
from orchestrator.dialects.postgres.text import Composable, fill, name

SOURCE = "pg_stat_statements"
OURS = "/* orch */"
"""Stands in every statement by which orch itself reads a target's tables."""
READS_NEW = "reads_new"
"""The function of orch's that applications call."""
_FIRST = re.compile(r"(\s*(?:SELECT|WITH)\b)")
_HOW = (
    "pg_stat_statements is not {what} on this server: add it to shared_preload_libraries, restart, CREATE EXTENSION"
    " pg_stat_statements; or capture statements in a file and give it with --statements"
)
_EXTENSION = """
SELECT n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
 WHERE e.extname = 'pg_stat_statements'
"""
_NAMES = """
SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND c.relname = %s
UNION
SELECT k.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace,
       LATERAL pg_catalog.pg_partition_tree(c.oid) p JOIN pg_catalog.pg_class k ON k.oid = p.relid
 WHERE n.nspname = %s AND c.relname = %s
"""
_STATEMENTS = """
SELECT min(s.query), sum(s.calls)::bigint, r.rolname, s.userid::text || '/' || s.queryid::text
  FROM {s}.pg_stat_statements s LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.userid
 WHERE s.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
   AND (%s::text[] IS NULL OR EXISTS (
        SELECT FROM unnest(%s::text[]) n WHERE pg_catalog.strpos(pg_catalog.lower(s.query), n) > 0))
 GROUP BY s.userid, s.queryid, r.rolname ORDER BY 2 DESC, 1
"""
_COVERAGE = """
SELECT count(*), count(*) FILTER (WHERE s.query IS NULL OR s.query = '<insufficient privilege>')
  FROM {s}.pg_stat_statements s
 WHERE s.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
"""
_INFO = """
SELECT dealloc, extract(epoch FROM pg_catalog.clock_timestamp() - stats_reset)::float8 FROM {s}.pg_stat_statements_info
"""
_PATHS = """
SELECT r.rolname, pg_catalog.substr(c.setting, 13)
  FROM pg_catalog.pg_db_role_setting s
 CROSS JOIN LATERAL unnest(s.setconfig) c(setting)
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
 WHERE c.setting LIKE 'search\\_path=%'
   AND s.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
 ORDER BY s.setrole <> 0, s.setdatabase <> 0
"""
_DEFAULT_PATH = '"$user", public'


def usage(link: psycopg.Connection, tables: Sequence[TableName] | None, asked: Iterable[str]) -> Usage:
    """Statements of this database that name one of the tables (all of them for None), without those that the change's own
    queries (``asked``) are.
    """
    row = link.execute(_EXTENSION).fetchone()
    if row is None:
        return Usage((), Coverage(SOURCE), _HOW.format(what="installed"))
    schema = name(row[0])
    try:
        coverage = _coverage(link, schema)
        names = None if tables is None else _names(link, tables)
        found = link.execute(fill(_STATEMENTS, s=schema), (names, names)).fetchall()
    except psycopg.errors.ObjectNotInPrerequisiteState:
        return Usage((), Coverage(SOURCE), _HOW.format(what="loaded"))
    except psycopg.errors.InsufficientPrivilege:
        return Usage((), Coverage(SOURCE), "this login may not read pg_stat_statements: GRANT pg_read_all_stats TO it")
    paths, own = _paths(link), frozenset(filter(None, map(_print, asked)))
    statements = tuple(
        Statement(text, calls, user or "", _path(paths, user or ""), key)
        for text, calls, user, key in found
        if not _is_ours(text, own)
    )
    return Usage(statements, coverage)


def naming(link: psycopg.Connection, captured: Usage, tables: Sequence[TableName]) -> Usage:
    """Those of the captured statements that name one of the tables."""
    names = _names(link, tables)
    kept = tuple(each for each in captured.statements if any(name in each.text.lower() for name in names))
    return replace(captured, statements=kept)


def _names(link: psycopg.Connection, tables: Sequence[TableName]) -> list[str]:
    """The names under which the tables and their partitions are written, folded; a quote in one is doubled."""
    found: set[str] = set()
    for each in tables:
        place = (each.schema, each.name)
        found.update(str(row[0]) for row in link.execute(_NAMES, place * 2).fetchall())
        found.add(each.name)
    return sorted(name.lower().replace('"', '""') for name in found)


def _coverage(link: psycopg.Connection, schema: Composable) -> Coverage:
    (total, hidden) = link.execute(fill(_COVERAGE, s=schema)).fetchall()[0]
    try:
        evicted, observed = link.execute(fill(_INFO, s=schema)).fetchall()[0]
    except psycopg.errors.UndefinedTable:
        evicted = observed = None
    row = link.execute("SELECT pg_catalog.current_setting('pg_stat_statements.track', true)").fetchone()
    return Coverage(SOURCE, total, observed, evicted, hidden, str(row[0]) if row and row[0] else "unknown")


def ours(query: Composable | str, link: psycopg.Connection) -> bytes:
    """A query of orch's own, marked so that it never passes for an application's. The mark is not at its beginning, which
    pg_stat_statements may cut off.
    """
    text = query if isinstance(query, str) else query.as_string(link)
    return _FIRST.sub(rf"\1 {OURS}", text, count=1).encode()


def _is_ours(text: str, own: frozenset[str]) -> bool:
    if OURS in text or ("orch_target" in text and READS_NEW not in text):
        return True
    return bool(own) and _print(text) in own


def _print(text: str) -> str:
    """By what a statement is known whatever its constants are; empty where the grammar does not take it."""
    try:
        return str(postgast.fingerprint(text).hex)
    except postgast.PgQueryError:
        return ""


def _paths(link: psycopg.Connection) -> Mapping[str, str]:
    """The search_path by role; that of everybody under ``""``. The narrowest setting comes last."""
    return {role or "": path for role, path in link.execute(_PATHS).fetchall()}


def _path(paths: Mapping[str, str], user: str) -> str:
    chosen = paths.get(user, paths.get("", _DEFAULT_PATH))
    quoted = '"' + user.replace('"', '""') + '"'
    return chosen.replace('"$user"', quoted).replace("$user", quoted)


_SEEN = """
WITH now AS (SELECT * FROM pg_catalog.jsonb_each_text(%s::jsonb)),
     forgotten AS (DELETE FROM orch_target.reader_seen o
                    WHERE o.since < pg_catalog.clock_timestamp() - interval '1 year' AND o.change_id <> %s),
     kept AS (INSERT INTO orch_target.reader_seen AS r (change_id, key, calls)
              SELECT %s, n.key, n.value::bigint FROM now n
              ON CONFLICT (change_id, key) DO UPDATE SET calls = excluded.calls, since = pg_catalog.clock_timestamp()
                                                   WHERE r.calls <> excluded.calls
              RETURNING r.key)
SELECT n.key, CASE WHEN k.key IS NULL THEN extract(epoch FROM pg_catalog.clock_timestamp() - r.since)::float8 ELSE 0 END
  FROM now n LEFT JOIN kept k ON k.key = n.key
  LEFT JOIN orch_target.reader_seen r ON r.change_id = %s AND r.key = n.key
"""


def quiet(link: psycopg.Connection, change_id: str, calls: Mapping[str, int]) -> Mapping[str, float]:
    """For how many seconds the count of each statement has stood still, as far as orch looked; 0 where it may not note it.

    What was noted a year ago of another Change is forgotten: it is over, or begins to look anew.
    """
    try:
        with link.transaction():
            link.execute("SET TRANSACTION READ WRITE")
            rows = link.execute(_SEEN, (json.dumps(dict(calls)), change_id, change_id, change_id)).fetchall()
            return {key: float(seconds) for key, seconds in rows}
    except psycopg.errors.InsufficientPrivilege:
        return dict.fromkeys(calls, 0.0)
