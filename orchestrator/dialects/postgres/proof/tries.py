"""Writes one row into a table of a clone, changes it, deletes it, so that every trigger on it runs; nothing is kept.

Why it exists: a trigger that names a dropped column, or hands a whole row on, fails with the first write after the change (F17),
and no catalog knows. What fails after some Steps and did not before, they break.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import psycopg

from orchestrator.core.catalog import TableName
from orchestrator.core.reading import Body, Going
from orchestrator.dialects.postgres.text import Composed, fill, joined, literal, name, raw, table

Failures = Mapping[tuple[TableName, str], str]
"""Why a write failed, by table and verb; empty where it did not."""

_COLUMNS = """
SELECT a.attrelid::bigint, a.attnum::int, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), b.typcategory, b.typname,
       (SELECT e.enumlabel FROM pg_catalog.pg_enum e WHERE e.enumtypid = b.oid ORDER BY e.enumsortorder LIMIT 1)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
   AND a.attgenerated = '' AND a.attidentity <> 'a'
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  JOIN pg_catalog.pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
 WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p') ORDER BY a.attnum
"""
_CONSTRAINTS = """
SELECT r.relname, n.nspname, k.conname FROM pg_catalog.pg_constraint k
  JOIN pg_catalog.pg_class r ON r.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
 WHERE k.contype IN ('f', 'c', 'x') AND k.conparentid = 0 AND k.coninhcount = 0
   AND pg_catalog.format('%%I.%%I', %s::text, %s::text)::regclass IN (k.conrelid, k.confrelid)
"""
_OUTSIDE = """
SELECT p.oid::regproc::text, p.prosrc FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
 WHERE NOT t.tgisinternal AND t.tgrelid = pg_catalog.format('%%I.%%I', %s::text, %s::text)::regclass
"""
_REACHES = re.compile(r"\b(?:program|lo_export|lo_import|pg_file_\w+|pg_read_\w+|dblink\w*|http\w*)\b", re.IGNORECASE)
_BY_NAME = {
    "uuid": "00000000-0000-0000-0000-000000000000",
    "json": "{}",
    "jsonb": "{}",
    "bytea": "",
    "xml": "<x/>",
    "inet": "127.0.0.1",
    "cidr": "127.0.0.0/8",
    "tsvector": "x",
}
_BY_CATEGORY = {
    "N": "1",
    "S": "x",
    "B": "true",
    "D": "2000-01-01 00:00",
    "T": "1 day",
    "A": "{}",
    "R": "empty",
    "V": "1",
}


LIMIT = "3s"
"""For one write: a trigger may wait for what a clone does not have. Whoever needs longer was not tried."""
_LATE = "(SQLSTATE 57014)"


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    type: str
    value: str | None


def tried(link: psycopg.Connection, tables: tuple[TableName, ...], going: Going, path: str) -> Failures:
    """What one INSERT, UPDATE and DELETE does to each table, by the names that do not go."""
    found: dict[tuple[TableName, str], str] = {}
    for where in tables:
        columns = _columns(link, where, going)
        if not columns:
            continue
        place = (where.schema, where.name)
        outside = [each for each, body in link.execute(_OUTSIDE, place).fetchall() if _REACHES.search(body)]
        if outside:
            found[where, "writes"] = f"{outside[0]} may reach outside of the database"
            continue
        with link.transaction(force_rollback=True):
            link.execute("SELECT pg_catalog.set_config('search_path', %s, true)", (path,))
            link.execute(fill("SET LOCAL statement_timeout = {limit}", limit=literal(LIMIT)))
            for other, schema, constraint in link.execute(_CONSTRAINTS, place).fetchall():
                drop = "ALTER TABLE {t} DROP CONSTRAINT IF EXISTS {k} CASCADE"
                link.execute(fill(drop, t=table(TableName(schema, other)), k=name(constraint)))
            for verb, statement in _writes(where, columns):
                found[where, verb] = _failure(link, statement)
    return found


def _columns(link: psycopg.Connection, where: TableName, going: Going) -> list[_Column]:
    rows = link.execute(_COLUMNS, (where.schema, where.name)).fetchall()
    return [
        _Column(column, type_, label or _BY_NAME.get(base, _BY_CATEGORY.get(category)))
        for relation, number, column, type_, category, base, label in rows
        if (relation, number) not in going.columns
    ]


def _writes(where: TableName, columns: list[_Column]) -> Iterator[tuple[str, Composed]]:
    given = [each for each in columns if each.value is not None]
    names = joined(", ", [name(each.name) for each in given])
    values = joined(", ", [fill("{v}::{t}", v=literal(each.value), t=raw(each.type)) for each in given])
    if given:
        yield "INSERT", fill("INSERT INTO {t} ({c}) VALUES ({v})", t=table(where), c=names, v=values)
    sets = joined(", ", [fill("{c} = {c}", c=name(each.name)) for each in columns])
    yield "UPDATE", fill("UPDATE {t} SET {s}", t=table(where), s=sets)
    yield "DELETE", fill("DELETE FROM {t}", t=table(where))


def _failure(link: psycopg.Connection, statement: Composed) -> str:
    try:
        with link.transaction():
            link.execute(statement)
    except psycopg.Error as error:
        return f"{error.diag.message_primary or type(error).__name__} (SQLSTATE {error.sqlstate})"
    return ""


def broken(before: Failures, after: Failures) -> tuple[tuple[Body, ...], tuple[str, ...]]:
    """The writes that work before and not after, and those that could not be tried."""
    fresh = {at: why for at, why in after.items() if why and not before.get(at, "new")}
    late = {at: why for at, why in fresh.items() if why.endswith(_LATE)}
    found = [
        Body(f"triggers of {where} at {verb}", why, sure=True)
        for (where, verb), why in fresh.items()
        if (where, verb) not in late
    ]
    untried = [f"{verb} on {where}: {why}" for (where, verb), why in [*before.items(), *late.items()] if why]
    return tuple(found), tuple(untried)
