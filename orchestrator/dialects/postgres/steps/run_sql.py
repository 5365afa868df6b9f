"""A statement of the change's own, done when its own query says so."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.sql import Composed

from orchestrator.core.ports import Observation
from orchestrator.core.step import RunSql
from orchestrator.dialects.postgres.kinds import Kind, Look, Message, Rendered
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, foreign
from orchestrator.dialects.postgres.text import fill, raw

_LOGIN = "SET LOCAL search_path TO DEFAULT"
_NOT_YET = ("3F000", "42P01", "42703", "42704", "42883")
"""There is no such schema, table, column, type or function: what it asks about is not there yet."""


def _render(step: RunSql) -> Rendered:
    undo = () if step.undo is None else (_message(step.undo),)
    return Rendered((_message(step.sql),), step.lock, undo, "" if step.undo else "none: the change file gives no undo")


def _message(statement: str) -> Message:
    """Names resolve as for the login, and rows are written as an application writes them, so that triggers keep their sync."""
    return (fill(_LOGIN), fill("SET LOCAL orch.own = 'off'"), _whole(statement))


def _whole(statement: str) -> Composed:
    """On lines of its own: a comment at its end must not hide what follows."""
    return fill("{s}\n", s=raw(statement.strip().removesuffix(";")))


def _observe(look: Look, step: RunSql) -> Observation:
    answer = _asked(look, step.done_when)
    if answer is True:
        return DONE
    if answer not in (False, None):
        return foreign(f"done_when answers {answer!r}", "true or false")
    if look.marked():
        return foreign(f"the statement took effect once, and done_when is not true: {step.done_when}", "true")
    return ABSENT


def _asked(look: Look, query: str) -> Any:
    try:
        with look.connection.transaction(force_rollback=True):
            look.connection.execute(_LOGIN + "; SET TRANSACTION READ ONLY")
            rows = look.connection.execute(query.encode()).fetchall()
    except psycopg.Error as error:
        if error.sqlstate in _NOT_YET:
            return False
        raise
    return rows[0][0] if len(rows) == 1 and len(rows[0]) == 1 else rows[:3]


plugin = Kind(_render, _observe, lambda _: "orch_target")
