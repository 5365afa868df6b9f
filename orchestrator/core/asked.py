"""What a change asks of the server before it is planned, and what the server says of an expression.

Why it exists: questions are put together by Operations and answered by a dialect; the Catalog carries question and answer.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExpressionFacts:
    """What the server says of an expression over a table's row.

    ``volatility`` is i, s or v; ``clock`` marks a value that depends on the statement's time or user;
    ``error`` is the server's refusal, if it refused. ``of_null`` says that it makes a value of a row of NULLs, which is asked for
    partitioned tables only.
    """

    columns: tuple[str, ...] = ()
    volatility: str = "i"
    clock: bool = False
    type: str = ""
    error: str | None = None
    of_null: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """An expression the planner wants facts about, over the columns of ``table`` plus ``extra`` (name, type).

    ``sql`` None stands for the bare column ``column``; ``returns`` is the type it must be castable to, or, for a default, which
    nobody casts, ``assigned`` to. Of a table that is yet to be made, the row is ``extra`` alone.
    """

    table: str
    sql: str | None
    returns: str | None = None
    column: str | None = None
    extra: tuple[tuple[str, str], ...] = ()
    assigned: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What a change asks of the server before it is planned, as spelled in the change file.

    ``views`` is the schema for a version's views, where reads are switched by views; ``actions`` are (table, form of
    ALTER TABLE) to be tried.
    """

    tables: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    types: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()
    views: str | None = None
    actions: tuple[tuple[str, str], ...] = ()
