"""How a table is partitioned, and what its partitions have of their own.

Why it exists: a change to a partitioned table goes on to its partitions. What one of them has besides (an index, a CHECK, a
default, a view over it) is not carried over, and must be known at plan time.
"""

from __future__ import annotations

import psycopg

from orchestrator.core.catalog import Own, Partition, Partitioning, TableName

_KEY = """
SELECT coalesce(array_agg(DISTINCT a.attname::text) FILTER (WHERE a.attname IS NOT NULL), '{}'),
       coalesce(bool_or(k.partexprs IS NOT NULL), false)
  FROM pg_catalog.pg_partition_tree(%(oid)s::oid::regclass) t
  JOIN pg_catalog.pg_partitioned_table k ON k.partrelid = t.relid
  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = t.relid AND (a.attnum = ANY (k.partattrs::int2[]) OR a.attnum IN (
       SELECT d.refobjsubid FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = t.relid AND d.refclassid = 'pg_class'::regclass
          AND d.refobjid = t.relid AND d.objsubid = 0))
   AND a.attnum > 0
"""
_PARTITIONS = """
SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text
  FROM pg_catalog.pg_partition_tree(%(oid)s::oid::regclass) t
  JOIN pg_catalog.pg_class c ON c.oid = t.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE t.level > 0 ORDER BY t.level, n.nspname::text COLLATE "C", c.relname::text COLLATE "C"
"""


def partitioning(connection: psycopg.Connection, oid: int) -> Partitioning:
    """What decides where a row belongs, and every partition at any depth."""
    (columns, expressions) = connection.execute(_KEY.encode(), {"oid": oid}).fetchone() or ((), False)
    found = connection.execute(_PARTITIONS.encode(), {"oid": oid}).fetchall()
    partitions = (Partition(TableName(schema, name), kind) for _, schema, name, kind in found)
    return Partitioning(tuple(sorted(columns)), bool(expressions), tuple(partitions))


__all__ = ["Own", "partitioning"]
