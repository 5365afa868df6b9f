"""Freezes: until a moment no phase starts, on one Target or on all.

Why it exists: a release freeze binds every Change, also those submitted later, so it belongs to none of them. The history alone
keeps it, written by ``orch.record_freeze`` as ``session_user``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, DateTime, Text, cast, func, select

from state.deciding import explained
from state.model import EventRow, Freeze, RegistryEvent


def record(connection: Connection, until: datetime | None, reason: str, target: str | None) -> None:
    """Freeze, or lift where ``until`` is None. Raises Refused, ReasonRequired, NotGranted."""
    moment = cast(until, DateTime(timezone=True))
    with explained("the registry"):
        connection.execute(select(func.orch.record_freeze(moment, reason, cast(target, Text))))


def standing(events: Iterable[EventRow], now: datetime) -> tuple[Freeze, ...]:
    """Freezes that are neither over nor lifted. Lifting one of all targets lifts no other."""
    last: dict[str | None, Freeze | None] = {}
    for event in events:
        if event.kind == RegistryEvent.FROZEN:
            last[event.data.get("target")] = _freeze(event)
        elif event.kind == RegistryEvent.THAWED:
            last[event.data.get("target")] = None
    return tuple(freeze for freeze in last.values() if freeze is not None and freeze.until > now)


def _freeze(event: EventRow) -> Freeze:
    until, reason, target = (event.data.get(name) for name in ("until", "reason", "target"))
    return Freeze(
        datetime.fromisoformat(str(until)), str(reason), event.actor, datetime.fromisoformat(event.at), target
    )
