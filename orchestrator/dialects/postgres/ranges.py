"""Reads a table range by range for a full comparison, each range in statements of its own.

Why it exists: a comparison of a large table must hold no snapshot for long. Ranges follow the key with the statements of the
backfill (``batches``), so their bounds are in the order of the key's index: its own operators and collation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.sql import Composable, Composed

from orchestrator.core.catalog import TableName
from orchestrator.core.comparison import Comparison, Part, Position, Standing, Tally, Walk
from orchestrator.core.step import Backfill
from orchestrator.core.sync import Argument
from orchestrator.dialects.postgres import batches
from orchestrator.dialects.postgres.proof.usage import ours
from orchestrator.dialects.postgres.text import fill, joined, literal, name, raw, table, text

PART = "2s"
"""What one range may take: the longest that a snapshot of a comparison by ranges is held."""
WHOLE = "30s"
"""What a comparison that has no key to go by may take, in one statement. Longer, and the verdict is unknown.

One that compares rows with each other (``whole``) has no other way than one statement, and has no limit."""

_TABLE = """
SELECT c.oid::text || '/' || pg_catalog.pg_postmaster_start_time()::text || '/' ||
       CASE WHEN pg_catalog.pg_is_in_recovery() THEN 'standby'
            ELSE pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8) END,
       pg_catalog.current_database() || coalesce(' at ' || pg_catalog.host(pg_catalog.inet_server_addr()), '')
           || coalesce(':' || pg_catalog.inet_server_port(), '')
           || ', PostgreSQL ' || pg_catalog.current_setting('server_version'),
       pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::xid::text,
       (SELECT pg_catalog.sum(k.reltuples) FILTER (WHERE k.reltuples >= 0)::bigint
          FROM (SELECT c.oid AS relid UNION SELECT s.relid FROM pg_catalog.pg_partition_tree(c.oid) s) t
          JOIN pg_catalog.pg_class k ON k.oid = t.relid AND k.relkind = 'r')
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND c.relname = %s
"""
"""A server that was restarted or failed over may have lost what was seen on it, so its start and timeline are in the identity."""
_ORDERED = """
SELECT count(*) FROM pg_catalog.pg_attribute a WHERE a.attrelid = {t}::pg_catalog.regclass AND a.attname = ANY ({columns})
   AND NOT a.attisdropped AND a.attnotnull AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k
        WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum] AND NOT k.convalidated)
"""
"""No key leads to a row that has a NULL in it: which columns may hold none is asked now, not when the plan was made."""
_SCHEMAS = """
WITH RECURSIVE kind AS (
    SELECT t.oid, t.typbasetype, t.typnamespace FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
     WHERE a.attrelid = {t}::pg_catalog.regclass AND a.attname = ANY ({columns})
    UNION SELECT t.oid, t.typbasetype, t.typnamespace FROM kind k JOIN pg_catalog.pg_type t ON t.oid = k.typbasetype)
SELECT DISTINCT n.nspname::text FROM kind k JOIN pg_catalog.pg_namespace n ON n.oid = k.typnamespace ORDER BY 1
"""


def standing(link: psycopg.Connection, comparison: Comparison, syncs: Sequence[str]) -> Standing | None:
    """Where the comparison is made, and under what; None when there is no such table."""
    where = comparison.table
    if (row := link.execute(_TABLE, (where.schema, where.name)).fetchone()) is None:
        return None
    identity, server, moment, rows = row
    prints = [_one(link, fill("SELECT orch_target.sync_print({s})", s=literal(sync))) for sync in syncs]
    asked = {"t": literal(text(table(where))), "columns": literal([each.name for each in comparison.key])}
    ordered = bool(comparison.key) and _one(link, fill(_ORDERED, **asked)) == len(comparison.key)
    schemas = tuple(found[0] for found in link.execute(fill(_SCHEMAS, **asked)).fetchall())
    return Standing(server, " ".join([identity, *prints]), moment, ordered, rows, schemas)


def part(link: psycopg.Connection, comparison: Comparison, standing: Standing, walk: Walk, rows: int | None) -> Part:
    """Ask a comparison of the next ``rows`` rows of a walk; of all rows, in one statement, where that is None."""
    limit = literal("0" if comparison.whole else WHOLE if rows is None else PART)
    path = _path(comparison, standing)
    link.execute(fill("SET statement_timeout = {limit}; SET search_path = {path}", limit=limit, path=path))
    try:
        return _asked(link, comparison, walk, rows)
    finally:
        if not link.broken:
            link.execute("SET statement_timeout = 0; SET search_path = pg_catalog, pg_temp")


def _asked(link: psycopg.Connection, comparison: Comparison, walk: Walk, rows: int | None) -> Part:
    end: Position | None = None
    where: Composable = raw("true")
    if rows is not None:
        step = _as_step(comparison.table, comparison.key, rows)
        found = link.execute(batches.bound(step, walk.position)).fetchone()
        end = None if found is None else tuple(found)
        where = batches.between(step, walk.position, end)
    if walk.late:
        since = fill("pg_catalog.age(xmin) <= pg_catalog.age({x}::pg_catalog.xid)", x=literal(walk.moment))
        where = fill("{range} AND {since}", range=where, since=since)
    counted, wrong, samples, aside = link.execute(ours(comparison.counting(where), link)).fetchone() or (0, 0, [], 0)
    return Part(end, Tally(counted, wrong, tuple(samples), aside))


def _as_step(where: TableName, key: tuple[Argument, ...], rows: int) -> Backfill:
    """Ranges are cut as for a backfill, of which only table, key and size matter here."""
    return Backfill(where, "", key, "", batch_rows=rows)


def _path(comparison: Comparison, standing: Standing) -> Composed:
    """The key's own operators must be found, or a citext would be compared as the text it can become, in another order."""
    home = [comparison.table.schema, "public"] if comparison.home else []
    names = dict.fromkeys(["pg_catalog", *home, *standing.schemas, "pg_temp"])
    return joined(", ", [name(each) for each in names])


def _one(link: psycopg.Connection, query: Composed) -> Any:
    row = link.execute(query).fetchone()
    return None if row is None else row[0]
