"""A statement that blocks everybody while it reads or rewrites a table: over few rows, for a short time, or not at all.

Why it exists: some forms of ALTER TABLE have no concurrent way. The table is locked, its rows are counted under the lock, and
the statement has a limit at which it is taken back. Neither refusal is tried again by itself, as a statement_timeout would be:
each try would block everybody for as long.
"""

from __future__ import annotations

from psycopg.sql import Composed

from orchestrator.core.catalog import TableName
from orchestrator.core.newtable import Bound
from orchestrator.dialects.postgres.kinds import Message
from orchestrator.dialects.postgres.steps._alter import locked
from orchestrator.dialects.postgres.text import fill, literal, table, text

_BODY = """BEGIN
    IF (SELECT /* orch */ count(*) FROM (SELECT FROM {t} LIMIT {rows} + 1) s) > {rows} THEN
        RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded', MESSAGE = {many};
    END IF;
    EXECUTE {statement};
EXCEPTION WHEN query_canceled THEN
    RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded', MESSAGE = {slow};
END"""


def bounded(where: TableName, statement: Composed, what: str, bound: Bound) -> Message:
    """The statement within its bound; ``what`` is what it makes, for people."""
    body = fill(
        _BODY,
        t=table(where),
        rows=literal(bound.rows),
        many=literal(f"{where} has more than {bound.rows} rows by now: making {what} would block everybody"),
        slow=literal(f"making {what} was taken back: it blocked everybody for {bound.milliseconds} ms"),
        statement=literal(text(statement)),
    )
    limit = fill("SET LOCAL statement_timeout = {ms}", ms=literal(bound.milliseconds))
    return (locked(where), limit, fill("DO {body}", body=literal(text(body))))


def blocking(where: TableName, bound: Bound) -> str:
    """The lock, in words."""
    return f"ACCESS EXCLUSIVE on {where} for as long as it takes: {bound.rows} rows, {bound.milliseconds} ms at most"
