"""Freezes: until a moment no phase starts, on one Target or on all.

Why it exists: a release freeze binds every Change, also those submitted later, so it belongs to none of them. The history alone
keeps it, written by ``orch.record_freeze`` as ``session_user``.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, DateTime, Text, cast, func, select

from state import rows, tables
from state.deciding import explained
from state.model import OF_NONE, EventRow, Freeze, RegistryEvent


def record(connection: Connection, until: datetime | None, reason: str, target: str | None) -> None:
    """Freeze, or lift where ``until`` is None. Raises Refused, ReasonRequired, NotGranted."""
    moment = cast(until, DateTime(timezone=True))
    with explained("the registry"):
        connection.execute(select(func.orch.record_freeze(moment, reason, cast(target, Text))))


def standing(connection: Connection) -> tuple[Freeze, ...]:
    """Freezes that are neither over, by the database's clock, nor lifted. Lifting one of all targets lifts no other."""
    column = tables.event.c
    query = select(tables.event).where(column.change_id == OF_NONE).order_by(column.seq)
    last: dict[str | None, Freeze | None] = {}
    for event in map(rows.event_row, connection.execute(query)):
        last[event.data.get("target")] = _freeze(event) if event.kind == RegistryEvent.FROZEN else None
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return tuple(freeze for freeze in last.values() if freeze is not None and freeze.until > now)


def _freeze(event: EventRow) -> Freeze:
    until, reason, target = (event.data.get(name) for name in ("until", "reason", "target"))
    return Freeze(
        datetime.fromisoformat(str(until)), str(reason), event.actor, datetime.fromisoformat(event.at), target
    )
