"""What the Checks' SQL shares: tables, columns, conversions by name, keys as text.

Why it exists: a Check carries its own SQL and imports no dialect; the few spellings that all of them need stand here once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import sql
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from orchestrator.core.catalog import TableName
from orchestrator.core.ports import Reader
from orchestrator.core.sync import Argument, Conversion

SAMPLES = 5
"""Keys shown of what does not pass."""


def table(name: TableName) -> Identifier:
    """A schema-qualified table."""
    return Identifier(name.schema, name.name)


def converted(conversion: Conversion | None, prefix: str, column: str) -> Composed:
    """The other side's value of a column: a plain copy, or a call of the conversion's function on it."""
    if conversion is None:
        return Composed([Identifier(column)])
    function = Identifier("orch_target", prefix + conversion.name)
    return SQL("{f}({c})").format(f=function, c=Identifier(column))


def called(conversion: Conversion, prefix: str) -> Composed:
    """A call of the conversion's function on its own columns."""
    arguments = SQL(", ").join(Identifier(argument.name) for argument in conversion.arguments)
    return SQL("{f}({a})").format(f=Identifier("orch_target", prefix + conversion.name), a=arguments)


def differs(left: Composable, right: Composable) -> Composed:
    """NULL-safe comparison by image: sees json, 1.0 against 1.00 and NULL (correctness F8, F10)."""
    return SQL("pg_catalog.record_image_ne(ROW({a}), ROW({b}))").format(a=left, b=right)


def key(columns: tuple[Argument, ...]) -> Composed:
    """A row's key as text, ``id=5``; its place where the table has no key."""
    if not columns:
        return SQL("ctid::text").format()
    parts = [SQL("{n} || {c}::text").format(n=Literal(f"{a.name}="), c=Identifier(a.name)) for a in columns]
    return SQL(" || ' ' || ").join(parts)


@contextmanager
def at_home(reader: Reader, where: TableName) -> Iterator[None]:
    """Names in the change's own expressions mean what they meant when they were planned, until the block ends."""
    (before,) = reader.rows("SELECT pg_catalog.current_setting('search_path')")
    path = SQL("pg_catalog, {schema}, public, pg_temp").format(schema=Identifier(where.schema)).as_string(None)
    _look_in(reader, path)
    try:
        yield
    finally:
        _look_in(reader, before[0])


def _look_in(reader: Reader, path: str) -> None:
    reader.rows(SQL("SELECT pg_catalog.set_config('search_path', {}, false)").format(Literal(path)))


def counted(where: Composable, condition: Composable, key_: Composable) -> Composed:
    """One row: how many rows meet the condition, and the first keys of those."""
    return SQL(
        "WITH wrong AS MATERIALIZED (SELECT {key} AS key FROM {t} WHERE {condition})"
        " SELECT (SELECT count(*) FROM wrong), ARRAY(SELECT w.key FROM wrong w ORDER BY 1 LIMIT {n})"
    ).format(key=key_, t=where, condition=condition, n=Literal(SAMPLES))


__all__ = ["SAMPLES", "at_home", "called", "converted", "counted", "differs", "key", "sql", "table"]
