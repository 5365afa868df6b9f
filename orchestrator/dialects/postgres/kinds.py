"""What PostgreSQL knows of one kind of Step: how it is sent, and how it is recognised.

Why it exists: Operations and dialects meet at the closed union of Steps only. Each member has one file in ``steps``, named as
its ``kind`` is and exporting a Kind, so that a new Step is one new file here. What ``orch plan`` shows is what is sent, since
both come from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import psycopg
from psycopg.sql import Composed

from orchestrator.core.catalog import TableName
from orchestrator.core.ports import Observation, Sql
from orchestrator.core.step import Step
from orchestrator.dialects.postgres.text import text
from orchestrator.plugins import discover

ROOM = "orchestrator.dialects.postgres.steps"

Message = tuple[Composed, ...]
"""Statements of one transaction, or one concurrent statement."""
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A Step ready to send.

    A message is sent as one simple-protocol query inside one transaction (F24). ``concurrent`` statements run outside a
    transaction and wait for locks without a limit, ``patient`` ones wait as long inside one. ``undo_scans``: which message of
    ``undo`` reads the table, so that only its wait for a lock is bounded. ``repair`` removes what a broken attempt left (a
    partial effect), before the Step is sent again; empty where sending it again is enough. ``mode`` is the strongest lock
    that it takes on its table, and so on all partitions; empty where partitions are left alone. Locks: PostgreSQL manual,
    section 13.3 and the notes of each ALTER TABLE form.
    """

    forward: tuple[Message, ...]
    lock: str
    undo: tuple[Message, ...] = ()
    undo_note: str = ""
    rewrites: bool = False
    scans: bool = False
    concurrent: bool = False
    patient: bool = False
    undo_scans: int | None = None
    repair: tuple[Message, ...] = ()
    mode: str = "ACCESS EXCLUSIVE"


@dataclass(frozen=True, slots=True)
class Move:
    """One message on the way: one transaction, or one ``concurrent`` statement outside of any."""

    statements: Message
    concurrent: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """A look at the catalog (and the marker) on behalf of one Step."""

    connection: psycopg.Connection
    step_id: str

    def row(self, query: str, *parameters: Any) -> tuple[Any, ...] | None:
        """The first row of a query over the catalog, if there is one."""
        return self.connection.execute(query.encode(), parameters or None).fetchone()

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """All rows of a query over the catalog."""
        return self.connection.execute(query.encode(), parameters or None).fetchall()

    def marked(self) -> bool:
        """Whether the Step's own transaction committed once."""
        query = "SELECT count(*) FROM orch_target.marker WHERE step_id = %s AND done_at IS NOT NULL"
        row = self.row(query, self.step_id)
        return bool(row and row[0])


def schema_of_table(step: Any) -> str:
    """The schema of the Step's table, in which names of its expressions are looked up."""
    return str(step.table.schema)


def table_of(step: Any) -> TableName | None:
    """The table a Step is about, if it is about one."""
    about = step if hasattr(step, "table") else getattr(step, "sync", None)
    found = getattr(about, "table", None)
    return found if isinstance(found, TableName) else None


@dataclass(frozen=True, slots=True)
class Kind(Generic[S]):
    """One kind of Step: ``render`` puts it in SQL, ``observe`` says what the catalog shows of it.

    ``schema`` is where names in the Step's own expressions are looked up. Where how much there is to be sent depends on what the
    catalog shows meanwhile, ``onward`` and ``back`` say what comes next, None at the end; ``render`` is then for people only.
    """

    render: Callable[[S], Rendered]
    observe: Callable[[Look, S], Observation]
    schema: Callable[[S], str] = schema_of_table
    onward: Callable[[Look, S], Move | None] | None = None
    back: Callable[[Look, S], Move | None] | None = None


def kind_of(step: Step) -> Kind[Any]:
    """What PostgreSQL knows of a Step's kind."""
    kind = discover(ROOM)[step.kind]
    assert isinstance(kind, Kind)  # noqa: S101 - what the room holds, a test proves
    return kind


def render(step: Step) -> Rendered:
    """The Step in SQL."""
    return kind_of(step).render(step)


def schema(step: Step) -> str:
    """The schema in which names of the Step's own expressions are looked up."""
    return kind_of(step).schema(step)


def observe(connection: psycopg.Connection, step: Step, step_id: str) -> Observation:
    """What the catalog shows of the Step: done, absent, partial or foreign (another definition under its name)."""
    return kind_of(step).observe(Look(connection, step_id), step)


def shown(step: Step) -> Sql:
    """The Step in SQL, for people."""
    rendered = render(step)

    def texts(messages: Sequence[Message]) -> tuple[tuple[str, ...], ...]:
        return tuple(tuple(text(statement) for statement in message) for message in messages)

    return Sql(
        texts(rendered.forward),
        rendered.lock,
        rendered.rewrites,
        rendered.scans,
        texts(rendered.undo),
        rendered.undo_note,
    )
