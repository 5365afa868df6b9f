"""Enum types as the server has them.

Why it exists: what an enum holds decides whether a value can be added, and where a column of it can go.
"""

from __future__ import annotations

from collections.abc import Iterable

import psycopg

from orchestrator.core.catalog import Enum, TypeName

_ENUMS = """
SELECT asked.spelled, n.nspname, t.typname,
       ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)
  FROM pg_catalog.unnest(%s::text[]) AS asked(spelled)
  JOIN pg_catalog.pg_type t ON t.oid = pg_catalog.to_regtype(asked.spelled)
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
 WHERE t.typtype = 'e' ORDER BY 1
"""


def enums(connection: psycopg.Connection, types: Iterable[str]) -> tuple[tuple[str, Enum], ...]:
    """Those of some types (full names) that are enums."""
    rows = connection.execute(_ENUMS, (list(dict.fromkeys(types)),)).fetchall()
    return tuple((spelled, Enum(TypeName(schema, name), tuple(values))) for spelled, schema, name, values in rows)
