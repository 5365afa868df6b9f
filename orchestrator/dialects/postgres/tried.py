"""Constraints tried on an empty twin of their table, in a transaction that never commits.

Why it exists: whether an operator belongs to the operator class, and a method can exclude at all, only the server knows; it is
asked when the change is planned, never in contract.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import psycopg

from orchestrator.core.catalog import TableName
from orchestrator.dialects.postgres.text import fill, raw, search_path, table

Pair = tuple[str, str]


def refusals(connection: psycopg.Connection, asked: Iterable[tuple[Pair, TableName]]) -> Iterator[tuple[Pair, str]]:
    """What the server says against each definition, of those it does. A login that may make no temporary table learns nothing."""
    for pair, where in asked:
        with connection.transaction(force_rollback=True):
            connection.execute(fill("SET LOCAL {path}", path=search_path(where.schema)))
            try:
                connection.execute(fill("CREATE TEMPORARY TABLE orch_twin (LIKE {t})", t=table(where)))
            except psycopg.Error:
                continue
            try:
                connection.execute(fill("ALTER TABLE pg_temp.orch_twin ADD CONSTRAINT k {d}", d=raw(pair[1])))
            except psycopg.Error as error:
                yield pair, error.diag.message_primary or type(error).__name__
