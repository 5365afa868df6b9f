"""How generated code calls the functions of a Sync, and records what does not convert.

Why it exists: trigger, backfill and Checks must call the same functions on the same columns, under whatever name a column
bears just now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from psycopg.sql import Composable, Composed

from orchestrator.core.sync import Conversion, Sync
from orchestrator.dialects.postgres.text import fill, joined, literal, name, raw

Names = Mapping[str, str]
"""Column → the name it bears while it is parked."""
NONE: Names = MappingProxyType({})
"""Nothing is parked."""


def function(label: str) -> Composable:
    """A function of ours."""
    return raw("orch_target.") + name(label)


def call(conversion: Conversion, prefix: str = "", row: str = "", parked: Names = NONE) -> Composed:
    """A call of a conversion (``try_`` yields NULL where it raises, ``fails_`` tells whether it does) over a row."""
    columns = [parked.get(argument.name, argument.name) for argument in conversion.arguments]
    arguments = joined(", ", [raw(row) + name(column) for column in columns])
    return fill("{f}({a})", f=function(prefix + conversion.name), a=arguments)


def nulls(columns: Iterable[str], row: str = "") -> Composed:
    """Whether none of the columns has a value."""
    return joined(" AND ", [fill("{r}{c} IS NULL", r=raw(row), c=name(column)) for column in columns])


def key(sync: Sync) -> Composable:
    """The row's key as JSON."""
    if not sync.key:
        return raw("NULL::pg_catalog.jsonb")
    pairs = joined(", ", [fill("{k}, NEW.{c}", k=literal(a.name), c=name(a.name)) for a in sync.key])
    return fill("pg_catalog.jsonb_build_object({pairs})", pairs=pairs)


def reject(sync: Sync, direction: str, state: str, message: str) -> Composed:
    """Record a row that does not convert."""
    return fill(
        "PERFORM orch_target.reject({change}, {sync}, {direction}, {key}, {state}, {message});",
        change=literal(sync.change_id),
        sync=literal(sync.id),
        direction=literal(direction),
        key=key(sync),
        state=raw(state),
        message=raw(message),
    )
