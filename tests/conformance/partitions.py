"""Turns a table into a partitioned one with the same rows, indexes, constraints and triggers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

_HANGING = """
SELECT 'ALTER TABLE ' || c.conrelid::regclass || ' ADD CONSTRAINT ' || quote_ident(c.conname) || ' ' ||
       pg_get_constraintdef(c.oid), 0, c.conname
  FROM pg_constraint c WHERE c.conrelid = to_regclass(%(t)s) AND c.contype IN ('p', 'u', 'c', 'f')
UNION ALL
SELECT pg_get_indexdef(i.indexrelid), 1, i.indexrelid::regclass::text FROM pg_index i
 WHERE i.indrelid = to_regclass(%(t)s)
   AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.conrelid = i.indrelid)
UNION ALL
SELECT 'COMMENT ON INDEX ' || i.indexrelid::regclass || ' IS ' || quote_literal(obj_description(i.indexrelid, 'pg_class')), 2,
       i.indexrelid::regclass::text
  FROM pg_index i WHERE i.indrelid = to_regclass(%(t)s) AND obj_description(i.indexrelid, 'pg_class') IS NOT NULL
UNION ALL
SELECT pg_get_triggerdef(t.oid), 3, t.tgname FROM pg_trigger t WHERE t.tgrelid = to_regclass(%(t)s) AND NOT t.tgisinternal
ORDER BY 2, 3
"""
_SEQUENCES = """
SELECT d.objid::regclass::text, a.attname
  FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
 WHERE d.refobjid = to_regclass(%s) AND d.classid = 'pg_class'::regclass AND d.deptype = 'a'
   AND EXISTS (SELECT FROM pg_class s WHERE s.oid = d.objid AND s.relkind = 'S')
"""
_STORED = """
SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""


def partition(link: psycopg.Connection[Any], table: str, key: bytes, partitions: Sequence[bytes]) -> None:
    """Partition a table. What is unique there has the partition key, too, since it is so within a partition only."""
    name = sql.Identifier(table)
    hanging = [row[0] for row in link.execute(_HANGING, {"t": name.as_string(link)}).fetchall()]
    owned = link.execute(_SEQUENCES, [name.as_string(link)]).fetchall()
    like = "INCLUDING DEFAULTS INCLUDING IDENTITY INCLUDING GENERATED INCLUDING STORAGE INCLUDING COMMENTS INCLUDING STATISTICS"
    link.execute(sql.SQL("ALTER TABLE {} RENAME TO whole").format(name))
    link.execute(
        sql.SQL("CREATE TABLE {} (LIKE whole {}) PARTITION BY ").format(name, sql.SQL(like)).as_bytes(link) + key
    )
    for statement in partitions:
        link.execute(statement)
    stored = sql.SQL(", ").join(sql.Identifier(row[0]) for row in link.execute(_STORED, [name.as_string(link)]))
    copy = "INSERT INTO {t} ({c}) OVERRIDING SYSTEM VALUE SELECT {c} FROM whole"
    link.execute(sql.SQL(copy).format(t=name, c=stored))
    for sequence, column in owned:
        link.execute(
            sql.SQL("ALTER SEQUENCE {} OWNED BY {}.{}").format(sql.SQL(sequence), name, sql.Identifier(column))
        )
    link.execute("DROP TABLE whole CASCADE")
    for statement in hanging:
        try:
            link.execute(statement.encode())
        except psycopg.errors.FeatureNotSupported:
            assert "UNIQUE" in statement, statement
            wider = re.sub(r" (UNIQUE|USING btree) \(", lambda found: f"{found[0]}{column_of(key)}, ", statement)
            link.execute(wider.encode())


def column_of(key: bytes) -> str:
    """What the table is partitioned by, without how."""
    return key.decode().partition("(")[2].removesuffix(")")
