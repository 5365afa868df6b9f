"""Moves a Change and writes down why, in one transaction.

Why it exists: every writer goes through ``move``, so no state can change without its event and no event can be
written that the machine does not know. Locks are always taken in the order change, lease, step, head.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Text, cast, func, select, update
from sqlalchemy.dialects.postgresql import JSONB

from state import rows, tables
from state.errors import StaleView, UnknownChange
from state.machine import step_of
from state.model import ChangeRow, Event, State


def locked(connection: Connection, change_id: str) -> ChangeRow:
    """The Change, locked until the transaction ends. Raises UnknownChange."""
    query = select(tables.change).where(tables.change.c.id == change_id).with_for_update(key_share=True)
    found = connection.execute(query).one_or_none()
    if found is None:
        raise UnknownChange(change_id)
    return rows.change_row(found)


def move(connection: Connection, before: ChangeRow, event: Event, data: Mapping[str, Any]) -> ChangeRow:
    """Write what ``event`` does to a locked Change, then the event. Mirrors ``machine.apply``.

    Raises Refused when the machine has no such edge.
    """
    to = step_of(before.state, event).to
    values = {"state": to.value, "version": before.version + 1, "updated_at": func.clock_timestamp()}
    values |= _effects(before.state, to)
    query = update(tables.change).where(tables.change.c.id == before.id).values(values).returning(tables.change)
    after = rows.change_row(connection.execute(query).one())
    append(connection, before.id, event, data)
    return after


def append(connection: Connection, change_id: str, event: Event, data: Mapping[str, Any]) -> None:
    """Append to the chain. Takes the last lock: nothing else may be locked afterwards."""
    call = func.orch.append_event(change_id, event.value, cast(dict(data), JSONB), type_=Text)
    connection.execute(select(call))


def unmoved(change: ChangeRow, seen_version: int | None) -> None:
    """Raises StaleView when the Change is not the version that was looked at."""
    if seen_version is not None and seen_version != change.version:
        raise StaleView(
            f"{change.id} has moved from version {seen_version} to {change.version} since it was looked at; "
            f"look again: orch status {change.id}"
        )


def _effects(was: State, to: State) -> dict[str, Any]:
    """Columns besides state and version."""
    values: dict[str, Any] = {}
    if to is not was:
        values |= {"requested": None}
        if to in _MOMENTS:
            values[_MOMENTS[to]] = func.clock_timestamp()
    return values


_MOMENTS = {State.SWITCHED: "switched_at", State.CONTRACTED: "contracted_at"}
