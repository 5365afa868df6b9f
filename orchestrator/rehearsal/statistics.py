"""How many rows a target's tables have and what its columns are like, as the server's statistics say.

Why it exists: a copy is worth rehearsing on only when it is as large and as varied as production. Counts, widths and fractions
are read; most common values and histograms, which are people's data, never are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg

from orchestrator.core.catalog import TableName

_ROWS = """
SELECT n.nspname, c.relname,
       CASE WHEN c.reltuples > 0 THEN c.reltuples::bigint ELSE coalesce(pg_catalog.pg_stat_get_live_tuples(c.oid), 0) END
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'orch', 'orch_target')
"""
_COLUMNS = """
SELECT schemaname, tablename, attname, null_frac, avg_width, n_distinct FROM pg_catalog.pg_stats
 WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'orch', 'orch_target')
 ORDER BY inherited
"""
_UNKNOWN_DISTINCT = -0.1


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """Of a column: the fraction of NULLs, bytes per value, distinct values (negative: as a fraction of the rows)."""

    null_fraction: float = 0.0
    width: int = 8
    distinct: float = _UNKNOWN_DISTINCT


@dataclass(frozen=True, slots=True)
class Facts:
    """Rows per table, and what is known of columns. A column without facts was never analysed."""

    rows: Mapping[TableName, int] = field(default_factory=dict)
    columns: Mapping[tuple[TableName, str], ColumnFacts] = field(default_factory=dict)

    def column(self, table: TableName, name: str) -> ColumnFacts:
        """What is known of a column, else something ordinary."""
        return self.columns.get((table, name), ColumnFacts())


def facts(link: psycopg.Connection) -> Facts:
    """What the statistics of a database say; reads catalogs only."""
    rows = {TableName(schema, name): int(count) for schema, name, count in link.execute(_ROWS).fetchall()}
    columns = {
        (TableName(schema, table), name): ColumnFacts(float(nulls), int(width), float(distinct))
        for schema, table, name, nulls, width, distinct in link.execute(_COLUMNS).fetchall()
    }
    return Facts(rows, columns)
