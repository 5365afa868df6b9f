"""What refuses a NULL: a domain, a CHECK, a foreign key over several columns.

Why it exists: a value that does not convert leaves NULL on the other side, and an application's write must not fail for it
(F16). Where one column decides, the server is asked; where several do, the grammar and the strictness of what is called say
whether a NULL could turn a condition that holds into one that does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg

from orchestrator.core.catalog import Domain
from orchestrator.dialects.postgres import parser
from orchestrator.dialects.postgres.text import Composed, fill, name, raw

_DOMAINS = """
WITH RECURSIVE asked AS (
    SELECT spelled, pg_catalog.to_regtype(spelled)::oid AS oid FROM pg_catalog.unnest(%s::text[]) AS spelled
), chain AS (
    SELECT a.spelled, t.oid, t.typbasetype, t.typnotnull, t.typdefault
      FROM asked a JOIN pg_catalog.pg_type t ON t.oid = a.oid WHERE t.typtype = 'd'
    UNION ALL
    SELECT c.spelled, t.oid, t.typbasetype, t.typnotnull, t.typdefault
      FROM chain c JOIN pg_catalog.pg_type t ON t.oid = c.typbasetype WHERE t.typtype = 'd'
)
SELECT c.spelled, bool_or(c.typnotnull OR EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.contypid = c.oid)),
       bool_or(c.typdefault IS NOT NULL)
  FROM chain c GROUP BY c.spelled ORDER BY 1
"""
_STRICT_FUNCTION = "SELECT bool_and(p.proisstrict) FROM pg_catalog.pg_proc p WHERE p.proname = %s"
_STRICT_OPERATOR = """
SELECT bool_and(p.proisstrict) FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode WHERE o.oprname = %s
"""


def domains(connection: psycopg.Connection, types: Iterable[str]) -> tuple[tuple[str, Domain], ...]:
    """Those of some types (full names) that are domains, with what they ask of a value."""
    rows = connection.execute(_DOMAINS, (list(dict.fromkeys(types)),)).fetchall()
    return tuple(
        (spelled, Domain(constrained, constrained and not _holds(connection, _null_of(spelled)), default))
        for spelled, constrained, default in rows
    )


def demands(
    connection: psycopg.Connection, kind: str, columns: dict[str, str], definition: str, condition: str | None
) -> tuple[str, ...]:
    """Those columns (name → type) of a constraint whose becoming NULL may make it refuse a row that it accepts."""
    if kind == "f":
        return tuple(columns) if len(columns) > 1 and "MATCH FULL" in definition else ()
    if condition is None:
        return ()
    if len(columns) == 1:
        ((column, type_),) = columns.items()
        return () if _holds(connection, _with_null(condition, column, type_)) else (column,)
    try:
        used = parser.null_use(condition)
    except parser.NotAnExpression:
        return tuple(columns)
    found = set(used.seen)
    for called, operator, below in used.calls:
        if not below <= found and not _strict(connection, called, operator):
            found |= below
    return tuple(column for column in columns if column in found)


def _null_of(type_: str) -> Composed:
    return fill("SELECT CAST(NULL AS {t}) IS NULL", t=raw(type_))


def _with_null(condition: str, column: str, type_: str) -> Composed:
    return fill(
        "SELECT /* orch */ (\n{x}\n) IS NOT FALSE FROM (SELECT CAST(NULL AS {t}) AS {c}) AS row_of_table",
        x=raw(condition),
        t=raw(type_),
        c=name(column),
    )


def _holds(connection: psycopg.Connection, query: Composed) -> bool:
    """Whether the server says yes; an error is a no."""
    try:
        with connection.transaction(force_rollback=True):
            row: tuple[Any, ...] | None = connection.execute(query).fetchone()
    except psycopg.Error:
        if connection.broken:
            raise
        return False
    return bool(row and row[0])


def _strict(connection: psycopg.Connection, called: str, operator: bool) -> bool:
    """Whether everything of that name yields NULL for NULL."""
    row = connection.execute(_STRICT_OPERATOR if operator else _STRICT_FUNCTION, (called,)).fetchone()
    return bool(row and row[0])
