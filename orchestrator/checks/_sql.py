"""What the Checks' SQL shares: tables, columns, conversions by name, keys as text.

Why it exists: a Check carries its own SQL and imports no dialect; the few spellings that all of them need stand here once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from psycopg import sql
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from orchestrator.core.catalog import TableName
from orchestrator.core.comparison import SAMPLES, Comparison
from orchestrator.core.sync import Argument, Part

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
    parts = [
        SQL("{n} || coalesce({c}::text, 'NULL')").format(n=Literal(f"{a.name}="), c=Identifier(a.name)) for a in columns
    ]
    return SQL(" || ' ' || ").join(parts)


def comparison(
    name: str,
    where: TableName,
    key_: tuple[Argument, ...],
    wrong: Composable,
    *,
    near: Composable | None = None,
    home: bool = False,
    whole: bool = False,
) -> Comparison:
    """Ask every row whether it is ``wrong``. Rows that are ``near`` it and not wrong are counted aside; by default none."""

    def counting(chosen: Composable) -> Composed:
        return SQL(
            "WITH seen AS MATERIALIZED (SELECT {key} AS key, {wrong} AS wrong FROM {t} WHERE {chosen} AND ({near}))"
            " SELECT (SELECT count(*) FROM {t} WHERE {chosen}), (SELECT count(*) FROM seen s WHERE s.wrong),"
            ' ARRAY(SELECT s.key COLLATE "C" FROM seen s WHERE s.wrong ORDER BY 1 LIMIT {n}),'
            " (SELECT count(*) FROM seen s WHERE NOT s.wrong)"
        ).format(
            key=key(key_),
            wrong=SQL("true") if near is None else wrong,
            near=wrong if near is None else near,
            t=table(where),
            chosen=chosen,
            n=Literal(SAMPLES),
        )

    return Comparison(name, where, key_, counting, counting(SQL("true")).as_string(None), home, whole)


__all__ = [
    "comparison",
    "converted",
    "differs",
    "disagree",
    "either",
    "fails",
    "key",
    "nulls",
    "sql",
    "table",
]
