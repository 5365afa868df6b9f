"""What the Checks' SQL shares: tables, columns, conversions by name, keys as text.

Why it exists: a Check carries its own SQL and imports no dialect; the few spellings that all of them need stand here once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

from psycopg import sql
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from orchestrator.core.catalog import TableName
from orchestrator.core.ports import Reader
from orchestrator.core.sync import Argument, Part

SAMPLES = 5
"""Keys shown of what does not pass."""
_NOTHING: Mapping[str, str] = MappingProxyType({})
"""Nothing is parked."""


def table(name: TableName) -> Identifier:
    """A schema-qualified table."""
    return Identifier(name.schema, name.name)


def converted(part: Part, prefix: str, sources: Sequence[str], parked: Mapping[str, str] = _NOTHING) -> Composed:
    """What the other shape's columns make of a column: a plain copy, or a call of the conversion's function on them."""
    if part.value is None:
        return Composed([Identifier(parked.get(sources[0], sources[0]))])
    arguments = SQL(", ").join(Identifier(parked.get(a.name, a.name)) for a in part.value.arguments)
    return SQL("{f}({a})").format(f=Identifier("orch_target", prefix + part.value.name), a=arguments)


def nulls(columns: Iterable[str]) -> Composed:
    """Whether none of the columns has a value."""
    return SQL("({})").format(SQL(" AND ").join(SQL("{} IS NULL").format(Identifier(column)) for column in columns))


def either(conditions: Iterable[Composable]) -> Composed:
    """Whether one of some conditions holds; none of none does."""
    listed = list(conditions)
    return SQL("({})").format(SQL(" OR ").join(listed)) if listed else SQL("false").format()


def fails(parts: Iterable[Part], parked: Mapping[str, str] = _NOTHING) -> Composed:
    """Whether a conversion to one of the columns raises."""
    return either(converted(part, "fails_", (), parked) for part in parts if part.value is not None)


def differs(left: Iterable[Composable], right: Iterable[Composable]) -> Composed:
    """NULL-safe comparison by image: sees json, 1.0 against 1.00 and NULL (correctness F8, F10)."""
    rows = [SQL("ROW({})").format(SQL(", ").join(side)) for side in (left, right)]
    return SQL("pg_catalog.record_image_ne({a}, {b})").format(a=rows[0], b=rows[1])


def disagree(parts: tuple[Part, ...], sources: Sequence[str]) -> Composed:
    """Whether columns are not what the other shape makes of them: as a whole NULL where one of them does not convert."""
    values = [converted(part, "try_", sources) for part in parts]
    columns = [part.column for part in parts]
    found = differs(map(Identifier, columns), values)
    if len(parts) == 1:
        return found
    needed = [SQL("{} IS NULL").format(value) for value, part in zip(values, parts, strict=True) if part.required]
    return SQL("({differs} AND NOT ({empty} AND {lost}))").format(
        differs=found, empty=nulls(columns), lost=either([*needed, fails(parts)])
    )


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


__all__ = [
    "SAMPLES",
    "at_home",
    "converted",
    "counted",
    "differs",
    "disagree",
    "either",
    "fails",
    "key",
    "nulls",
    "sql",
    "table",
]
