"""The Lease: the expiring exclusive right to run a Change, with its ever-growing fence.

Why it exists: several machines may want to run the same Change, and a frozen one may wake up. Only the database's
clock decides, after the row is locked.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Double, cast, func, select, update

from state import queries, rows, tables
from state.errors import Busy, FenceLost
from state.model import Event
from state.recording import append

_lease = tables.lease.c
_ATTEMPTS = 5


def acquire(
    connection: Connection, change_id: str, owner: str, ttl_seconds: float, beyond: int = 0, refused: int = 0
) -> int:
    """Take a free or expired Lease and return the new fence, greater than ``beyond``. Raises Busy, UnknownChange."""
    for _ in range(_ATTEMPTS):
        view = queries.lease(connection, change_id)
        if view.held:
            break
        given = view.lease.fence
        if (fence := _taken(connection, change_id, owner, ttl_seconds, given, beyond)) is not None:
            last = given - 1 if given == refused else given
            facts = {queries.TARGET_FENCE: beyond} if beyond > max(last, 0) else {}
            append(connection, change_id, Event.LEASE_ACQUIRED, {"owner": owner, "fence": fence, **facts})
            return fence
    raise Busy(view.lease, view.seconds_left)


def _taken(
    connection: Connection, change_id: str, owner: str, ttl_seconds: float, given: int, beyond: int
) -> int | None:
    """The new fence; None when somebody else was quicker."""
    free = (_lease.change_id == change_id, _lease.expires_at.is_(None) | (_lease.expires_at <= func.clock_timestamp()))
    fence = max(given, beyond) + 1
    values = {"owner": owner, "fence": fence, "acquired_at": func.clock_timestamp(), "expires_at": _after(ttl_seconds)}
    query = update(tables.lease).where(*free, _lease.fence == given).values(values)
    return fence if connection.execute(query).rowcount == 1 else None


def renew(connection: Connection, change_id: str, fence: int, ttl_seconds: float) -> bool:
    """Hold a live Lease for longer. False means that it is ours no more: stop."""
    query = update(tables.lease).where(*_ours(change_id, fence)).values(expires_at=_after(ttl_seconds))
    return connection.execute(query).rowcount == 1


def release(connection: Connection, change_id: str, fence: int) -> None:
    """Give the Lease back. Does nothing when it is ours no more."""
    mine = (_lease.change_id == change_id, _lease.fence == fence, _lease.owner.is_not(None))
    locked = connection.execute(select(tables.lease).where(*mine).with_for_update()).one_or_none()
    if locked is None:
        return
    connection.execute(update(tables.lease).where(*mine).values(owner=None, acquired_at=None, expires_at=None))
    data = {"owner": rows.lease_row(locked).owner, "fence": fence}
    append(connection, change_id, Event.LEASE_RELEASED, data)


def require(connection: Connection, change_id: str, fence: int) -> None:
    """Keep the Lease from changing hands until the transaction ends. Raises FenceLost when it is not ours."""
    row = select(tables.lease).where(_lease.change_id == change_id).with_for_update(read=True).cte("row")
    row = row.prefix_with("MATERIALIZED")
    live = (row.c.fence == fence) & (row.c.expires_at > func.clock_timestamp())
    if not connection.execute(select(live)).scalar_one_or_none():
        raise lost(change_id, fence)


def live(change_id: str, fence: int) -> tuple[ColumnElement[bool], ...]:
    """The conditions under which the Lease is ours, for a statement that checks it by itself."""
    return _ours(change_id, fence)


def lost(change_id: str, fence: int) -> FenceLost:
    """The error of a zombie."""
    return FenceLost(
        f"our lease on {change_id} (fence {fence}) has expired or belongs to another; nothing was written. "
        f"See who runs it: orch status {change_id}"
    )


def _ours(change_id: str, fence: int) -> tuple[ColumnElement[bool], ...]:
    return (_lease.change_id == change_id, _lease.fence == fence, _lease.expires_at > func.clock_timestamp())


def _after(seconds: float) -> ColumnElement[Any]:
    return func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, cast(seconds, Double))
