"""A sequence that numbers a column for the time being, and how column and sequence are found in the catalog."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from psycopg.sql import Composed

from orchestrator.core.catalog import TableName
from orchestrator.core.identitystep import MakeIdentity, NumberColumn
from orchestrator.dialects.postgres.kinds import Look
from orchestrator.dialects.postgres.snapshot import quoted_name
from orchestrator.dialects.postgres.steps._alter import alter
from orchestrator.dialects.postgres.text import fill, literal, name, raw, table

_FOUND = """
SELECT a.attidentity::text, a.atthasdef, EXISTS (
           SELECT FROM pg_catalog.pg_attrdef f
             JOIN pg_catalog.pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
            WHERE f.adrelid = a.attrelid AND f.adnum = a.attnum AND d.refclassid = 'pg_class'::regclass
              AND d.refobjid = pg_catalog.to_regclass(%s)), pg_catalog.to_regclass(%s) IS NOT NULL
  FROM pg_catalog.pg_attribute a WHERE a.attrelid = pg_catalog.to_regclass(%s) AND a.attname = %s AND NOT a.attisdropped
"""


def numbering(look: Look, step: NumberColumn | MakeIdentity) -> tuple[Any, ...] | None:
    """(identity, whether it has a default, whether that is the sequence's, whether there is one); None without the column."""
    sequence = quoted_name(step.sequence)
    return look.row(_FOUND, sequence, sequence, quoted_name(step.table), step.column)


def numbered(step: NumberColumn | MakeIdentity) -> Iterator[Composed]:
    """The sequence, from which whoever inserts rows may take numbers, and the default."""
    sequence = table(step.sequence)
    yield fill("CREATE SEQUENCE IF NOT EXISTS {s} AS {type}", s=sequence, type=raw(step.type))
    yield fill("GRANT USAGE ON SEQUENCE {s} TO PUBLIC", s=sequence)
    number = literal(quoted_name(step.sequence))
    yield alter(step.table, "ALTER COLUMN {c} SET DEFAULT nextval({n}::regclass)", c=name(step.column), n=number)


def unnumbered(step: NumberColumn | MakeIdentity) -> Iterator[Composed]:
    """No default, and no sequence for the time being."""
    yield alter(step.table, "ALTER COLUMN {c} DROP DEFAULT", c=name(step.column))
    yield fill("DROP SEQUENCE IF EXISTS {s}", s=table(step.sequence))


_OWN = """(SELECT d.objid::pg_catalog.regclass
   FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
  WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'i'
    AND a.attrelid = {t}::regclass AND a.attname = {c})"""


def own(where: TableName, column: str) -> Composed:
    """The sequence of an identity column. Not by pg_get_serial_sequence, which would be taken for an application's (F27)."""
    return fill(_OWN, t=literal(quoted_name(where)), c=literal(column))
