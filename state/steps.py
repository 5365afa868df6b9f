"""What the Registry believes of each Step, changed only by whoever holds the fence.

Why it exists: intent and outcome of a Step are written with their event in one transaction, each only from the
statuses it can follow. Zero rows mean that somebody else has gone on: we stop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, cast, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert

from state import lease, rows, tables
from state.errors import FenceLost
from state.model import Event, StepRow, StepStatus
from state.recording import locked, move

_step = tables.step.c
_P, _R, _D, _U = StepStatus.PENDING, StepStatus.RUNNING, StepStatus.DONE, StepStatus.UNDONE


@dataclass(frozen=True, slots=True)
class _Edge:
    """From which statuses a step event leads where, and what else it sets."""

    after: frozenset[StepStatus]
    to: StepStatus
    values: Mapping[str, Any]


_CLOCK = func.clock_timestamp()
_EDGES: Mapping[Event, _Edge] = {
    Event.STEP_STARTED: _Edge(
        frozenset({_P, _R, _U}),
        _R,
        {"attempt": _step.attempt + 1, "started_at": _CLOCK, "finished_at": None, "error": None},
    ),
    Event.STEP_DONE: _Edge(frozenset({_R}), _D, {"finished_at": _CLOCK, "error": None}),
    Event.STEP_FAILED: _Edge(frozenset({_R, _D}), _R, {}),
    Event.STEP_UNDONE: _Edge(frozenset({_R, _D}), _U, {"finished_at": _CLOCK, "error": None}),
    Event.STEP_LOST: _Edge(frozenset({_R, _D}), _P, {"finished_at": None}),
    Event.STEP_FOUND: _Edge(frozenset({_P, _R, _D, _U}), _D, {"finished_at": _CLOCK, "error": None}),
}


def move_step(
    connection: Connection, change_id: str, ordinal: int, event: Event, fence: int, data: Mapping[str, Any]
) -> StepRow:
    """Move a Step and append its event; ``data["error"]`` is kept on the row.

    Raises FenceLost, Refused, UnknownChange.
    """
    change = locked(connection, change_id)
    lease.require(connection, change_id, fence)
    step = _write(connection, change_id, ordinal, event, fence, data.get("error"))
    facts = {"ordinal": ordinal, "step_id": step.step_id, "kind": step.kind, "attempt": step.attempt, "fence": fence}
    move(connection, change, event, {**data, **facts})
    return step


def progress(connection: Connection, change_id: str, ordinal: int, fence: int, values: Mapping[str, Any]) -> None:
    """Write live progress, without an event. Raises FenceLost."""
    fresh = {**values, "change_id": change_id, "ordinal": ordinal, "updated_at": _CLOCK}
    typed = [cast(value, tables.backfill.c[name].type) for name, value in fresh.items()]
    source = select(*typed).where(exists().where(*lease.live(change_id, fence)))
    query = insert(tables.backfill).from_select(list(fresh), source)
    query = query.on_conflict_do_update(
        index_elements=["change_id", "ordinal"], set_={name: query.excluded[name] for name in fresh}
    )
    if connection.execute(query.returning(tables.backfill.c.ordinal)).scalar_one_or_none() is None:
        raise lease.lost(change_id, fence)


def _write(
    connection: Connection, change_id: str, ordinal: int, event: Event, fence: int, error: str | None
) -> StepRow:
    edge = _EDGES[event]
    values = {"status": edge.to.value, "fence": fence, **edge.values}
    if event is Event.STEP_FAILED:
        values["error"] = error
    may = (
        _step.change_id == change_id,
        _step.ordinal == ordinal,
        _step.status.in_([each.value for each in edge.after]),
    )
    found = connection.execute(update(tables.step).where(*may).values(values).returning(tables.step)).one_or_none()
    if found is None:
        raise FenceLost(
            f"step {ordinal} of {change_id} is not where {event.value} can follow, so somebody else moved it; "
            f"nothing was written. Look at it: orch status {change_id}"
        )
    return rows.step_row(found)
