"""Looks at who waits for whom on the targets, and ends a session that stands in the way.

Why it exists: a step that does not get its lock names a pid; to judge it one must see who that is, and to end it, be sure that it
still is the one that was looked at. So pid and start are compared by the database in the statement that acts, and the history is
told first: what is said there may turn out to have had no effect, but nothing is done that it does not know of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from orchestrator.core.errors import Blocked, Invalid, OrchError, Stale
from orchestrator.core.locks import LockSession, LockWait, TargetLocks, cleaned
from orchestrator.core.ports import Reader, Target
from orchestrator.refusals import explained
from state.store import Registry

_WAITS = """
WITH locks AS MATERIALIZED (SELECT * FROM pg_catalog.pg_locks)
SELECT w.pid, b.pid, w.mode,
       CASE WHEN w.locktype = 'relation' THEN w.relation::pg_catalog.regclass::text
            WHEN w.locktype = 'transactionid' THEN coalesce('a row of ' || (
                 SELECT min(t.relation::pg_catalog.regclass::text) FROM locks t
                  WHERE t.pid = w.pid AND t.locktype = 'tuple' AND t.granted), 'transaction ' || w.transactionid::text)
            WHEN w.locktype = 'virtualxid' THEN 'the end of transaction ' || w.virtualxid
            WHEN w.locktype = 'tuple' THEN 'a row of ' || w.relation::pg_catalog.regclass::text
            ELSE w.locktype || coalesce(' of ' || w.relation::pg_catalog.regclass::text, '') END,
       coalesce(held.modes, ''), coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - w.waitstart), 0)::float8
  FROM locks w
  JOIN pg_catalog.pg_stat_activity a ON a.pid = w.pid AND a.datname = pg_catalog.current_database()
 CROSS JOIN LATERAL (SELECT DISTINCT p.pid FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.pid)) p(pid)) b
  LEFT JOIN LATERAL (
       SELECT pg_catalog.string_agg(DISTINCT h.mode || CASE WHEN h.granted THEN '' ELSE ' (queued)' END, ', ') AS modes
         FROM locks h
        WHERE h.pid = b.pid AND ROW(h.locktype, h.database, h.relation, h.page, h.tuple, h.virtualxid, h.transactionid,
                                    h.classid, h.objid, h.objsubid)
              IS NOT DISTINCT FROM ROW(w.locktype, w.database, w.relation, w.page, w.tuple, w.virtualxid, w.transactionid,
                                       w.classid, w.objid, w.objsubid)) held ON true
 WHERE NOT w.granted
"""
_SESSIONS = """
SELECT a.pid, a.backend_start, coalesce(a.usename, ''), coalesce(a.application_name, ''), coalesce(a.state, a.backend_type, ''),
       coalesce(a.wait_event_type || ' ' || a.wait_event, ''),
       coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - a.state_change), 0)::float8,
       coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start), 0)::float8,
       a.query, a.usename IS NOT DISTINCT FROM session_user AND a.application_name LIKE 'orch:%%'
  FROM pg_catalog.pg_stat_activity a WHERE a.pid = ANY(%s)
"""
_STILL = """
SELECT a.usename, a.application_name, a.state = 'active',
       ARRAY(SELECT DISTINCT w.pid FROM pg_catalog.pg_locks w
              WHERE NOT w.granted AND a.pid = ANY(pg_catalog.pg_blocking_pids(w.pid)))
  FROM pg_catalog.pg_stat_activity a WHERE a.pid = %s AND a.backend_start = %s
"""
_CANCEL = """
SELECT CASE WHEN a.state = 'active' THEN pg_catalog.pg_cancel_backend(a.pid) ELSE pg_catalog.pg_terminate_backend(a.pid) END
  FROM pg_catalog.pg_stat_activity a
 WHERE a.pid = %s AND a.backend_start = %s AND (a.state = 'active') = %s
"""
"""A session that runs a statement loses that; one that sleeps in its transaction holds its locks until it is ended."""


def locks(targets: Iterable[Target], changes: Iterable[str]) -> tuple[TargetLocks, ...]:
    """Who waits on each target. One that cannot be read says so, and keeps no other from being shown."""
    names = {_prefix(change): change for change in changes}
    return tuple(_read(target, names) for target in targets)


def _read(target: Target, names: Mapping[str, str]) -> TargetLocks:
    try:
        with explained(), target.overlooking() as reader:
            waits = tuple(LockWait(*row) for row in reader.rows(_WAITS))
            return TargetLocks(target.name, tuple(_sessions(reader, waits, names)), waits)
    except OrchError as error:
        return TargetLocks(target.name, trouble=error.message)


def _sessions(reader: Reader, waits: tuple[LockWait, ...], names: Mapping[str, str]) -> Iterable[LockSession]:
    pids = {pid for wait in waits for pid in (wait.waiter, wait.blocker)}
    if not pids:
        return
    if 0 in pids:
        yield LockSession(0, None, "", "prepared transaction", "prepared", "", 0.0, 0.0, "see pg_prepared_xacts")
    for row in reader.rows(_SESSIONS, (sorted(pids),)):
        yield _session(row, names)


def _session(row: tuple[Any, ...], names: Mapping[str, str]) -> LockSession:
    pid, started, user, application, state, event, in_state, in_transaction, statement, ours = row
    change = names.get(application.rsplit(":", 2)[0]) if ours else None
    return LockSession(
        pid, started, user, application, state, event, in_state, in_transaction, cleaned(statement), bool(ours), change
    )


def _prefix(change: str) -> str:
    """What the sessions of a Change are called, up to their fence (design §5)."""
    return f"orch:{hashlib.sha256(change.encode()).hexdigest()[:12]}"


def cancel(registry: Registry, target: Target, pid: int, started: datetime, *, active: bool, reason: str) -> str:
    """Cancel what a session runs or, where it is not ``active``, end it; returns what was done.

    Raises Stale where it is no longer as it was looked at, Blocked for sessions of ours and those in nobody's way, Invalid
    without the right to it or without a reason.
    """
    if not reason.strip():
        raise Invalid("ending somebody else's work needs a reason; it goes into the history", "say why")
    with explained(), target.overlooking() as reader:
        blocked = _still(reader, pid, started, active)
        user, application, waiters = blocked
        how = "cancel" if active else "terminate"
        facts = {"target": target.name, "pid": pid, "backend_start": started.isoformat(), "how": how}
        registry.record_cancel({**facts, "user": user, "application": application, "blocks": waiters}, reason)
        found = reader.rows(_CANCEL, (pid, started, active))
    if found != [(True,)]:
        raise Stale(f"backend {pid} moved on in this very moment; nothing was done to it", "look at the locks again")
    words = "its statement was cancelled" if active else "it was ended"
    return f"backend {pid} of {user}: {words}; {len(waiters)} waited for it"


def _still(reader: Reader, pid: int, started: datetime, active: bool) -> tuple[str, str, list[int]]:
    found = reader.rows(_STILL, (pid, started))
    if not found:
        raise Stale(f"backend {pid} of {started:%H:%M:%S}Z is gone; nothing was done", "look at the locks again")
    user, application, running, waiters = found[0]
    if str(application).startswith("orch:"):
        raise Blocked(f"backend {pid} is orch's own ({application})", "orch pause ID stops it after the batch in hand")
    if running is not active:
        raise Stale(
            f"backend {pid} is {'active' if running else 'idle'} by now; nothing was done", "look at the locks again"
        )
    if not waiters:
        raise Blocked(f"nobody waits for backend {pid} any more; nothing was done", "look at the locks again")
    return str(user), str(application), list(waiters)
