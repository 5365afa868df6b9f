"""How SQL is put together here: identifiers and literals quoted by psycopg, templates with named places.

Why it exists: there is one way to build SQL in this room, so that a hostile identifier has one gate to pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg import sql
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from orchestrator.core.catalog import TableName

MADE_BY = "orch: views of change "
"""How the comment of a schema begins that holds the views of a version."""


def table(name: TableName) -> Identifier:
    """A schema-qualified table."""
    return Identifier(name.schema, name.name)


def name(text: str) -> Identifier:
    """One identifier."""
    return Identifier(text)


def literal(value: Any) -> Composable:
    """A quoted literal."""
    return Literal(value)


def raw(text: str) -> SQL:
    """SQL of our own or of a change file (parsed as one expression before), taken as it is."""
    return SQL(text)


def fill(template: str, **parts: Composable) -> Composed:
    """A template with its named places filled in."""
    return raw(template).format(**parts)


def joined(separator: str, parts: Iterable[Composable]) -> Composed:
    """Parts with a separator between them."""
    return raw(separator).join(parts)


def text(statement: Composable) -> str:
    """The statement as sent."""
    return statement.as_string(None)


def written(statement: Composable) -> SQL:
    """The same, quoted already: for what is sent again and again."""
    return raw(text(statement))


def search_path(schema: str) -> Composed:
    """Where names in the expressions of a change file are looked up: the same at plan time, in DDL and in functions."""
    return fill("search_path = pg_catalog, {schema}, public, pg_temp", schema=name(schema))


_PINNED = (
    ("TimeZone", "UTC"),
    ("DateStyle", "ISO, MDY"),
    ("IntervalStyle", "postgres"),
    ("extra_float_digits", "1"),
    ("bytea_output", "hex"),
)


def pinned(schema: str) -> Composed:
    """The settings every generated function carries, so that an expression means the same in every session (F11)."""
    others = [fill(" SET {n} = {v}", n=name(setting), v=literal(value)) for setting, value in _PINNED]
    return fill("SET {path}{others}", path=search_path(schema), others=joined("", others))


def pinned_settings(schema: str) -> frozenset[str]:
    """``pinned`` as pg_proc.proconfig shows it, without double quotes, which the server puts where it needs them."""
    path = text(search_path(schema)).replace(" = ", "=").replace('"', "")
    return frozenset({path, *(f"{setting}={value}" for setting, value in _PINNED)})


__all__ = [
    "MADE_BY",
    "Composable",
    "Composed",
    "fill",
    "joined",
    "literal",
    "name",
    "pinned",
    "pinned_settings",
    "raw",
    "search_path",
    "sql",
    "table",
    "text",
    "written",
]
