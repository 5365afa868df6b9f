"""One look at a whole database for the linter: sizes, columns, constraints, indexes, functions, settings.

Why it exists: it is asked once for thousands of files, so everything is fetched in a handful of statements and nothing is kept
open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row

from orchestrator.core.known import Known, KnownColumn, KnownConstraint, KnownIndex, KnownTable, KnownUse
from orchestrator.dialects.postgres.connection import connect
from orchestrator.dialects.postgres.proof.usage import usage
from orchestrator.dialects.postgres.script import acts
from orchestrator.dialects.postgres.script.reading import read

_OURS = "n.nspname !~ '^pg_(toast|temp)' AND n.nspname NOT IN ('pg_catalog', 'information_schema')"

_TABLES = f"""
SELECT c.oid, n.nspname || '.' || c.relname AS name, c.relkind::text AS kind,
       coalesce((SELECT sum(CASE WHEN l.reltuples < 0 THEN pg_catalog.pg_relation_size(l.oid) / 64 ELSE l.reltuples END)
                   FROM pg_catalog.pg_class l WHERE l.oid = c.oid OR l.oid IN (
                        SELECT p.relid FROM pg_catalog.pg_partition_tree(c.oid) p WHERE p.isleaf)), 0)::int8 AS rows,
       CASE c.relkind WHEN 'p' THEN coalesce((SELECT sum(pg_catalog.pg_total_relation_size(p.relid))
                                                FROM pg_catalog.pg_partition_tree(c.oid) p), 0)
                      WHEN 'f' THEN 0 ELSE pg_catalog.pg_total_relation_size(c.oid) END::int8 AS bytes,
       EXISTS (SELECT FROM pg_catalog.pg_partitioned_table p WHERE p.partrelid = c.oid AND p.partdefid <> 0) AS has_default
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'm', 'f') AND {_OURS}
"""  # noqa: S608 - no part of it comes from outside

_COLUMNS = f"""
SELECT a.attrelid AS oid, a.attname AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null,
       EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_index i ON i.indexrelid = d.objid
                WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
                  AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum) OR EXISTS (
               SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = a.attrelid AND a.attnum = ANY (i.indkey)) AS indexed,
       EXISTS (SELECT FROM pg_catalog.pg_constraint o WHERE o.conrelid = a.attrelid AND o.contype = 'c'
                  AND a.attnum = ANY (o.conkey)) AS checked,
       ARRAY (SELECT DISTINCT r.ev_class::regclass::text FROM pg_catalog.pg_depend d
                JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
               WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
                 AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum ORDER BY 1) AS views
  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'm', 'f') AND {_OURS}
"""  # noqa: S608 - no part of it comes from outside

_CONSTRAINTS = f"""
SELECT o.conrelid AS oid, o.conname AS name, o.convalidated AS valid, pg_catalog.pg_get_constraintdef(o.oid) AS definition
  FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_namespace n ON n.oid = o.connamespace
 WHERE o.conrelid <> 0 AND o.contype IN ('c', 'f', 'u', 'p', 'x', 'n') AND {_OURS}
"""  # noqa: S608 - no part of it comes from outside

_INDEXES = f"""
SELECT i.indrelid AS oid, c.relname AS name, i.indisunique AS is_unique, i.indisvalid AS valid, i.indpred IS NOT NULL AS partial,
       ARRAY (SELECT coalesce(a.attname, '') FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY k (number, place)
                LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number AND k.number <> 0
               WHERE k.place <= i.indnkeyatts ORDER BY k.place)::text[] AS columns
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE {_OURS}
"""  # noqa: S608 - no part of it comes from outside

_FUNCTIONS = """
SELECT n.nspname || '.' || p.proname, max(p.provolatile::text)
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace GROUP BY 1
"""

_DOMAINS = """
SELECT n.nspname || '.' || t.typname, pg_catalog.format_type(t.typbasetype, t.typtypmod),
       t.typnotnull OR EXISTS (SELECT FROM pg_catalog.pg_constraint o WHERE o.contypid = t.oid)
  FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
 WHERE t.typtype = 'd' AND n.nspname <> 'information_schema'
"""

_BODIES = f"""
SELECT pg_catalog.format('%I.%I', n.nspname, p.proname), pg_catalog.string_agg(
           coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc), E'\\n')
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_catalog.pg_language l ON l.oid = p.prolang
 WHERE l.lanname NOT IN ('internal', 'c') AND {_OURS} AND n.nspname NOT IN ('orch', 'orch_target') GROUP BY 1
"""  # noqa: S608 - no part of it comes from outside

_SETTINGS = "SELECT name, reset_val FROM pg_catalog.pg_settings WHERE name IN ('lock_timeout', 'TimeZone')"
_UTC = frozenset({"UTC", "GMT", "Etc/UTC", "Etc/GMT", "Zulu", "Etc/Zulu", "Universal", "Etc/Universal"})


def look(url: str) -> Known:
    """What there is now, as the login of ``url`` finds it. Raises Invalid when the database is unreachable."""
    with closing(connect(url, "orch-lint")) as connection:
        return known(connection)


def known(connection: psycopg.Connection) -> Known:
    """The same through a connection that is open."""
    connection.execute("RESET search_path")
    path = connection.execute("SELECT pg_catalog.current_schemas(false)").fetchone()
    settings: dict[str, str] = dict(connection.execute(_SETTINGS).fetchall())
    functions: dict[str, str] = dict(connection.execute(_FUNCTIONS).fetchall())
    domains = connection.execute(_DOMAINS).fetchall()
    return Known(
        connection.info.server_version // 10000,
        tuple(path[0]) if path else (),
        _tables(connection),
        functions,
        {row[0]: row[1] for row in domains},
        frozenset(row[0] for row in domains if row[2]),
        settings["lock_timeout"] not in ("0", ""),
        settings["TimeZone"] in _UTC,
        use=_use(connection),
    )


def _use(connection: psycopg.Connection) -> KnownUse:
    """Who may read what: statements as the server keeps them, and the texts of functions."""
    bodies: dict[str, str] = dict(connection.execute(_BODIES).fetchall())
    seen = usage(connection, None, ())
    return KnownUse(tuple((each.text, each.calls or 0) for each in seen.statements), bodies, seen.missing)


def _tables(connection: psycopg.Connection) -> Mapping[str, KnownTable]:
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        columns = _by_table(cursor.execute(_COLUMNS).fetchall())
        constraints = _by_table(cursor.execute(_CONSTRAINTS).fetchall())
        indexes = _by_table(cursor.execute(_INDEXES).fetchall())
        tables: list[Any] = cursor.execute(_TABLES).fetchall()
    return {
        row.name: KnownTable(
            row.name,
            row.kind,
            row.rows,
            row.bytes,
            _columns(columns[row.oid], constraints[row.oid]),
            {each.name: _constraint(each) for each in constraints[row.oid]},
            {
                each.name: KnownIndex(tuple(each.columns), each.is_unique, each.valid, each.partial)
                for each in indexes[row.oid]
            },
            row.has_default,
        )
        for row in tables
    }


def _by_table(rows: Iterable[Any]) -> defaultdict[int, list[Any]]:
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.oid].append(row)
    return found


def _columns(rows: list[Any], constraints: list[Any]) -> dict[str, KnownColumn]:
    """From PostgreSQL 18 on a column counts as NOT NULL although its constraint has not been validated yet."""
    doubtful = {c for each in constraints if not each.valid for c in _constraint(each).proves}
    return {
        row.name: KnownColumn(
            row.type, row.not_null and row.name not in doubtful, row.indexed, row.checked, tuple(row.views)
        )
        for row in rows
    }


def _constraint(row: Any) -> KnownConstraint:
    (statement,) = read(f"ALTER TABLE t ADD CONSTRAINT c {row.definition}") or (None,)
    act = statement.acts[0] if statement is not None and statement.acts else None
    if not isinstance(act, acts.AddConstraint):
        return KnownConstraint("unknown", valid=row.valid)
    return KnownConstraint(act.constraint.kind, act.constraint.columns, row.valid, act.constraint.proves)
