"""What the server says of an expression over a table's row: is it valid, of what type, how volatile, what does it read.

Why it exists: an expression that fails in the application's trigger at night could have failed at plan time. The server is
asked with the very settings under which the generated function will run.
"""

from __future__ import annotations

from dataclasses import replace

import psycopg
from psycopg import sql

from orchestrator.core.asked import ExpressionFacts, Question
from orchestrator.core.catalog import Table
from orchestrator.dialects.postgres import parser
from orchestrator.dialects.postgres.text import (
    Composable,
    Composed,
    fill,
    joined,
    literal,
    name,
    raw,
    search_path,
    table,
)

_WORST = """
SELECT coalesce(max(p.provolatile::text), 'i'), coalesce(bool_and(p.prokind IN ('a', 'w') OR p.proretset), false)
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
 WHERE p.proname = %s AND (n.nspname = %s::text OR %s::text IS NULL AND n.nspname = ANY (pg_catalog.current_schemas(true)))
"""


_DOMAIN = "SELECT t.oid FROM pg_catalog.pg_type t WHERE t.oid = pg_catalog.to_regtype(%s) AND t.typtype = 'd'"


def volatility(connection: psycopg.Connection, expression: parser.Expression) -> str:
    """The worst volatility (i, s, v) of the functions an expression names, over all their overloads."""
    found = [_known(connection, function)[0] for function in expression.functions]
    return max(["s" if expression.casts else "i", *found])


def _known(connection: psycopg.Connection, function: tuple[str, ...]) -> tuple[str, bool]:
    """The worst volatility of a function, and whether it is an aggregate, a window function or yields a set."""
    schema = function[0] if len(function) > 1 else None
    row = connection.execute(_WORST, (function[-1], schema, schema)).fetchone()
    return (row[0], row[1]) if row else ("v", False)


def facts(connection: psycopg.Connection, question: Question, asked: Table) -> ExpressionFacts:
    """Ask the server about one expression. Its refusal is an answer, not an error."""
    text = question.sql if question.sql is not None else text_of(question.column or "")
    try:
        parsed = parser.expression(text)
    except parser.NotAnExpression as error:
        return ExpressionFacts(error=str(error))
    spelled = [type_ for _, type_ in question.extra] + [question.returns or "text"]
    if wrong := [type_ for type_ in spelled if not type_.startswith("%") and not parser.is_type(type_)]:
        return ExpressionFacts(error=f"{wrong[0]!r} is no type")
    if parsed.reads_tables:
        return ExpressionFacts(error="it reads other rows, which change without this row's knowing")
    with connection.transaction(force_rollback=True):
        connection.execute(fill("SET LOCAL {path}", path=search_path(asked.name.schema)))
        worst = volatility(connection, parsed)
        many = [".".join(function) for function in parsed.functions if _known(connection, function)[1]]
        if many:
            return ExpressionFacts(error=f"{many[0]} is over many rows or yields many; one row gives one value")
        try:
            kind = _type_of(connection, question, text, asked)
            if (
                question.assigned
                and not parsed.literal
                and (refusal := _unassignable(connection, question, asked, kind))
            ):
                return ExpressionFacts(error=refusal)
            read = frozenset(parsed.columns)
            of_null = (
                asked.partitioning is not None and worst != "v" and _of_null(connection, question, text, asked, read)
            )
        except psycopg.Error as error:
            return ExpressionFacts(error=error.diag.message_primary or str(error))
    columns = tuple(column for column in parsed.columns if asked.has(column) or column in dict(question.extra))
    return ExpressionFacts(columns, worst, parsed.clock, kind, of_null=of_null)


def text_of(column: str) -> str:
    """A column as an expression."""
    return sql.Identifier(column).as_string(None)


def _type_of(connection: psycopg.Connection, question: Question, text: str, asked: Table) -> str:
    extra = [fill("NULL::{t} AS {n}", t=raw(type_), n=name(column)) for column, type_ in question.extra]
    there = bool(asked.kind)
    query = fill(
        "SELECT /* orch */ {value} AS value FROM (SELECT {columns}{source}) AS row_of_table LIMIT 0",
        value=_cast(question, text, asked),
        columns=joined(", ", [raw("source.*"), *extra] if there else extra),
        source=fill(" FROM {t} AS source WHERE false", t=table(asked.name)) if there else fill(""),
    )
    cursor = connection.execute(query)
    column = cursor.description[0] if cursor.description else None
    return "" if column is None else str(column.type_code)


_ASSIGNABLE = """
SELECT s.oid = t.oid OR t.typcategory IN ('S', 'A', 'C', 'P')
       OR EXISTS (SELECT FROM pg_catalog.pg_cast c WHERE c.castsource = s.oid AND c.casttarget = t.oid AND c.castcontext <> 'e'),
       pg_catalog.format_type(s.oid, NULL), pg_catalog.format_type(t.oid, NULL)
  FROM pg_catalog.pg_type s, pg_catalog.pg_type t WHERE s.oid = %s::oid AND t.oid = %s::oid
"""
"""Manual, section 10.4; whatever is not a scalar is left to the server."""


def _unassignable(connection: psycopg.Connection, question: Question, asked: Table, target: str) -> str | None:
    """Why a default would be refused that can be cast to its type: only some casts are made without being asked for."""
    bare = _type_of(connection, replace(question, returns=None), question.sql or "", asked)
    row = connection.execute(_ASSIGNABLE, (bare, target)).fetchone()
    return None if row is None or row[0] else f"it is of type {row[1]}, which is not assigned to {row[2]}: CAST it"


def _of_null(connection: psycopg.Connection, question: Question, text: str, asked: Table, read: frozenset[str]) -> bool:
    """Whether it makes a value of a row of NULLs. Where it raises, the sync takes it for NULL."""
    there = [(column.name, column.type) for column in asked.columns] + list(question.extra)
    row = [fill("NULL::{t} AS {n}", t=raw(type_), n=name(column)) for column, type_ in there if column in read]
    query = "SELECT /* orch */ pg_catalog.num_nonnulls({value}) FROM (SELECT {row}) AS row_of_table"
    try:
        with connection.transaction():
            connection.execute("SET TRANSACTION READ ONLY")
            found = connection.execute(
                fill(query, value=_cast(question, text, asked), row=joined(", ", row))
            ).fetchone()
    except psycopg.Error:
        return False
    return bool(found and found[0])


def _cast(question: Question, text: str, asked: Table) -> Composed:
    value: Composable = fill("(\n{v}\n)", v=raw(text))
    if question.returns is None:
        return fill("{v}", v=value)
    kind = question.returns
    if kind.startswith("%"):
        kind = asked.column(kind[1:]).type
    return fill("CAST({v} AS {t})", v=value, t=raw(kind))


def type_name(connection: psycopg.Connection, spelled: str) -> str | None:
    """The server's full spelling of a type with its modifier, or None when there is no such type."""
    if not parser.is_type(spelled):
        return None
    with connection.transaction(force_rollback=True):
        try:
            connection.execute("SET LOCAL search_path TO DEFAULT")
            cursor = connection.execute(fill("SELECT CAST(NULL AS {t}) AS value LIMIT 0", t=raw(spelled)))
        except psycopg.Error:
            return None
        column = cursor.description[0] if cursor.description else None
        if column is None:
            return None
        # A result's description names what a domain is based on; a domain itself has no modifier.
        domain = connection.execute(_DOMAIN, (spelled,)).fetchone()
        oid, modifier = (domain[0], -1) if domain else (column.type_code, column._fmod)
        connection.execute("SET LOCAL search_path = pg_catalog")
        spelled_out = fill("SELECT pg_catalog.format_type({o}, {m})", o=literal(oid), m=literal(modifier))
        row = connection.execute(spelled_out).fetchone()
    return None if row is None else str(row[0])
