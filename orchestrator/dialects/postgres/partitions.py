"""How a table is partitioned, and what its partitions have of their own.

Why it exists: a change to a partitioned table goes on to its partitions. What one of them has besides (an index, a CHECK, a
default, a view over it) is not carried over, and must be known at plan time.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from orchestrator.core.catalog import Own, Partition, Partitioning, TableName
from orchestrator.dialects.postgres.text import fill, literal, table

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
_OWN = """
WITH part AS (
    SELECT t.relid::oid AS oid, (SELECT r FROM pg_catalog.pg_partition_root(t.relid) r) AS root
      FROM pg_catalog.pg_partition_tree(%(oid)s::oid::regclass) t WHERE t.level > 0)
SELECT p.oid, CASE WHEN i.indisprimary THEN 'primary key' WHEN i.indisunique THEN 'unique index' ELSE 'index' END,
       c.relname::text,
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = p.oid AND a.attnum > 0 AND (a.attnum = ANY (i.indkey::int2[]) OR a.attnum IN (
                    SELECT d.refobjsubid FROM pg_catalog.pg_depend d
                     WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                       AND d.refclassid = 'pg_class'::regclass AND d.refobjid = p.oid)) ORDER BY a.attnum)
  FROM part p JOIN pg_catalog.pg_index i ON i.indrelid = p.oid
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid AND NOT c.relispartition
UNION ALL
SELECT p.oid, CASE WHEN k.conrelid <> p.oid THEN 'foreign key of another table' WHEN k.contype = 'f' THEN 'foreign key'
                   ELSE 'constraint' END, k.conname::text,
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = p.oid
                AND a.attnum = ANY (CASE WHEN k.conrelid = p.oid THEN k.conkey ELSE k.confkey END) ORDER BY a.attnum)
  FROM part p JOIN pg_catalog.pg_constraint k ON k.conrelid = p.oid OR k.contype = 'f' AND k.confrelid = p.oid
 WHERE k.conparentid = 0 AND (k.contype = 'c' AND k.conislocal OR k.contype IN ('f', 'x'))
UNION ALL
SELECT p.oid, made.kind, a.attname::text, ARRAY[a.attname::text]
  FROM part p JOIN pg_catalog.pg_attribute a ON a.attrelid = p.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_catalog.pg_attribute r ON r.attrelid = p.root AND r.attname = a.attname AND NOT r.attisdropped
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  LEFT JOIN pg_catalog.pg_attrdef f ON f.adrelid = r.attrelid AND f.adnum = r.attnum
 CROSS JOIN LATERAL (
       SELECT 'NOT NULL of' WHERE a.attnotnull AND NOT r.attnotnull
       UNION ALL
       SELECT 'default of' WHERE pg_catalog.pg_get_expr(d.adbin, d.adrelid) IS DISTINCT FROM
                                 pg_catalog.pg_get_expr(f.adbin, f.adrelid)
       UNION ALL
       SELECT 'privileges on' WHERE a.attacl IS NOT NULL) made(kind)
ORDER BY 2, 3
"""
"""An inherited CHECK that the partition also has by itself outlives the one of the whole table: it counts as its own."""


NOT_VALID = 180000
"""The server version from which a foreign key of a partitioned table can be added NOT VALID."""


def partitioning(connection: psycopg.Connection, oid: int) -> Partitioning:
    """What decides where a row belongs, and every partition at any depth."""
    (columns, expressions) = connection.execute(_KEY.encode(), {"oid": oid}).fetchone() or ((), False)
    found = connection.execute(_PARTITIONS.encode(), {"oid": oid}).fetchall()
    own: dict[int, list[Own]] = {}
    for part, kind, name, about in connection.execute(_OWN.encode(), {"oid": oid}).fetchall():
        own.setdefault(part, []).append(Own(kind, name, tuple(about)))
    partitions = (
        Partition(TableName(schema, name), kind, tuple(own.get(part, ()))) for part, schema, name, kind in found
    )
    not_valid = connection.info.server_version >= NOT_VALID
    return Partitioning(tuple(sorted(columns)), bool(expressions), tuple(partitions), not_valid)


def below(connection: psycopg.Connection, oid: int) -> tuple[int, ...]:
    """The partitions of a table, at any depth; none of any other table."""
    return tuple(row[0] for row in connection.execute(_PARTITIONS.encode(), {"oid": oid}).fetchall())


_IS_PARTITIONED = "SELECT c.relkind = 'p' FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass({t})"


def is_partitioned(connection: psycopg.Connection, where: TableName) -> bool:
    """Whether a table is partitioned now."""
    return connection.execute(fill(_IS_PARTITIONED, t=literal(table(where).as_string(None)))).fetchone() == (True,)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A table that has rows of its own: a plain one, or a partition. ``pages`` are those of now."""

    table: TableName
    filenode: int
    pages: int
    is_heap: bool


_LEAVES = """
SELECT n.nspname::text, c.relname::text, pg_catalog.pg_relation_filenode(c.oid)::bigint,
       pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int, m.amname = 'heap'
  FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND (c.oid = pg_catalog.to_regclass({t})
    OR c.oid IN (SELECT t.relid FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass({t})) t))
 ORDER BY n.nspname::text COLLATE "C", c.relname::text COLLATE "C"
"""


def leaves(connection: psycopg.Connection, where: TableName) -> tuple[Leaf, ...]:
    """The table itself, or its partitions at any depth; none of one that is gone."""
    query = fill(_LEAVES, t=literal(table(where).as_string(None)))
    found = connection.execute(query).fetchall()
    return tuple(
        Leaf(TableName(schema, name), filenode, pages, heap)
        for schema, name, filenode, pages, heap in found
        if pages is not None
    )


def heaps(connection: psycopg.Connection, where: TableName) -> tuple[Leaf, ...] | None:
    """The same where all of them are heaps, else None."""
    found = leaves(connection, where)
    return found if all(leaf.is_heap for leaf in found) else None
