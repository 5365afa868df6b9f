"""Forms of ALTER TABLE tried on an empty twin of their table, in a transaction that never commits.

Why it exists: whether an operator belongs to the operator class, a method can exclude at all, or an expression can generate,
only the server knows; it is asked when the change is planned, never while it runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import psycopg

from orchestrator.core.catalog import TableName
from orchestrator.dialects.postgres import parser
from orchestrator.dialects.postgres.text import fill, raw, search_path, table

Pair = tuple[str, str]


def refusals(connection: psycopg.Connection, asked: Iterable[tuple[Pair, TableName]]) -> Iterator[tuple[Pair, str]]:
    """What the server says against each action, of those it does. A login that may make no temporary table learns nothing."""
    for pair, where in asked:
        if not parser.is_one_addition(pair[1]):
            yield pair, "it is not one definition"
            continue
        with connection.transaction(force_rollback=True):
            connection.execute(fill("SET LOCAL {path}", path=search_path(where.schema)))
            try:
                connection.execute(
                    fill("CREATE TEMPORARY TABLE orch_twin (LIKE {t} INCLUDING GENERATED)", t=table(where))
                )
            except psycopg.Error:
                continue
            try:
                connection.execute(fill("ALTER TABLE pg_temp.orch_twin {a}", a=raw(pair[1])))
            except psycopg.Error as error:
                yield pair, error.diag.message_primary or type(error).__name__
