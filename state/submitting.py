"""Takes a compiled Change into the Registry.

Why it exists: submitting is what pipelines repeat, so it must be safe to say twice: the same file changes nothing, a
changed one replaces the Plan while nothing has begun, and is refused afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Connection, Text, cast, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from state import rows, tables
from state.digest import canonical, text_sha256
from state.errors import ConflictingChange
from state.machine import TERMINAL
from state.model import ChangeRow, Event, State, StepStatus
from state.recording import append, locked, move


@dataclass(frozen=True, slots=True)
class NewChange:
    """A Change about to be submitted. ``source`` is the file's text, ``approvals_needed`` maps gates to people."""

    id: str
    title: str
    target: str
    source: str
    definition: Mapping[str, Any]
    plan: Mapping[str, Any]
    plan_sha256: str
    approvals_needed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewStep:
    """A Step of the Plan about to be submitted. ``definition`` is the Step as JSON."""

    ordinal: int
    step_id: str
    phase: str
    kind: str
    description: str
    definition: Mapping[str, Any]


Judge = Callable[[Sequence[ChangeRow]], None]
"""Raises when a Change cannot be under way beside these."""


def anything(others: Sequence[ChangeRow]) -> None:
    """The judge to whom every Change is right."""


def submit(connection: Connection, new: NewChange, steps: Sequence[NewStep], judge: Judge) -> tuple[ChangeRow, bool]:
    """The Change as it now stands, and whether this call changed anything. Raises ConflictingChange, and what judge does.

    The judge comes after the event: whoever appends one waits for the head of the chain, so of two Changes that meet the
    second sees the first.
    """
    stored, changed = _stored(connection, new, steps)
    if changed:
        judge(_beside(connection, stored))
    return stored, changed


def _beside(connection: Connection, change: ChangeRow) -> list[ChangeRow]:
    column = tables.change.c
    live = (column.target == change.target, column.id != change.id, column.state.not_in([s.value for s in TERMINAL]))
    query = select(tables.change).where(*live).order_by(column.created_at, column.id)
    return [rows.change_row(row) for row in connection.execute(query)]


def _stored(connection: Connection, new: NewChange, steps: Sequence[NewStep]) -> tuple[ChangeRow, bool]:
    if (created := _create(connection, new)) is not None:
        _add_steps(connection, new.id, steps)
        append(connection, new.id, Event.SUBMITTED, _facts(new))
        return created, True
    before = locked(connection, new.id)
    if _is_same(connection, before, new):
        return before, False
    if before.state is not State.PLANNED:
        raise ConflictingChange(conflict(before))
    return _replan(connection, before, new, steps), True


def _create(connection: Connection, new: NewChange) -> ChangeRow | None:
    now = func.clock_timestamp()
    values = {"id": new.id, **_content(new), "state": State.PLANNED.value, "version": 1}
    values |= {"created_at": now, "planned_at": now, "updated_at": now}
    query = upsert(tables.change).values(values).on_conflict_do_nothing().returning(tables.change)
    created = connection.execute(query).one_or_none()
    if created is None:
        return None
    connection.execute(insert(tables.lease).values(change_id=new.id, fence=0))
    return rows.change_row(created)


def _replan(connection: Connection, before: ChangeRow, new: NewChange, steps: Sequence[NewStep]) -> ChangeRow:
    connection.execute(delete(tables.step).where(tables.step.c.change_id == new.id))
    _add_steps(connection, new.id, steps)
    values = {**_content(new), "planned_at": func.clock_timestamp()}
    connection.execute(update(tables.change).where(tables.change.c.id == new.id).values(values))
    return move(connection, before, Event.REPLANNED, _facts(new))


def _add_steps(connection: Connection, change_id: str, steps: Sequence[NewStep]) -> None:
    first = {"change_id": change_id, "status": StepStatus.PENDING.value, "attempt": 0}
    if steps:
        connection.execute(insert(tables.step), [{**asdict(step), **first} for step in steps])


def _content(new: NewChange) -> dict[str, Any]:
    return {
        "title": new.title,
        "target": new.target,
        "source": new.source,
        "definition": dict(new.definition),
        "plan": dict(new.plan),
        "plan_sha256": new.plan_sha256,
        "approvals_needed": dict(new.approvals_needed),
        "requester": cast(func.session_user(), Text),
    }


def _facts(new: NewChange) -> dict[str, Any]:
    return {
        "plan_sha256": new.plan_sha256,
        "title": new.title,
        "target": new.target,
        "file_sha256": text_sha256(new.source),
        "approvals_needed": dict(new.approvals_needed),
    }


def _is_same(connection: Connection, before: ChangeRow, new: NewChange) -> bool:
    """Once begun, the file alone decides: our own steps have changed the schema it would be planned against."""
    same_file = before.target == new.target and canonical(before.definition) == canonical(new.definition)
    if before.state is not State.PLANNED or not same_file:
        return same_file
    column = tables.change.c
    needed = connection.execute(select(column.approvals_needed).where(column.id == before.id)).scalar_one()
    return before.plan_sha256 == new.plan_sha256 and needed == dict(new.approvals_needed)


def conflict(before: ChangeRow) -> str:
    """Why another file is refused once a Change has begun."""
    return (
        f"{before.id} is {before.state.value}, so its file can no longer change; "
        f"submit the new file under another id, or first: orch abort {before.id} --reason …"
    )
