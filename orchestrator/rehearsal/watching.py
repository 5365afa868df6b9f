"""Locks and blocked sessions as the server shows them every few milliseconds, from a session of its own.

Why it exists: what a step asks for is known, how long it holds it and whom that stops is only seen. Holds and waits are upper
bounds: from the sample before the first that shows the lock to the one after the last.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import psycopg

from orchestrator.rehearsal.model import Lock

EVERY = 0.003
DISK_EVERY = 0.25
_LOCKS = """
SELECT 'lock', a.application_name, n.nspname || '.' || c.relname, l.mode, l.granted
  FROM pg_catalog.pg_stat_activity a JOIN pg_catalog.pg_locks l ON l.pid = a.pid AND l.locktype = 'relation'
  JOIN pg_catalog.pg_class c ON c.oid = l.relation AND c.relkind IN ('r', 'p')
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname NOT IN ('pg_catalog', 'orch', 'orch_target', 'pg_toast')
 WHERE a.application_name LIKE 'orch:%' AND a.datname = pg_catalog.current_database()
UNION ALL
SELECT 'blocked', a.pid::text, '', '', true FROM pg_catalog.pg_stat_activity a
 WHERE a.wait_event_type = 'Lock' AND a.application_name LIKE 'rehearsal:%' AND a.datname = pg_catalog.current_database()
   AND EXISTS (SELECT FROM unnest(pg_catalog.pg_blocking_pids(a.pid)) b JOIN pg_catalog.pg_stat_activity o ON o.pid = b
                WHERE o.application_name LIKE 'orch:%')
"""
_SIZE = "SELECT pg_catalog.pg_database_size(pg_catalog.current_database())"
Key = tuple[str, str, bool]
"""Table, mode, granted."""


@dataclass
class Watch:
    """What was seen so far: spans of locks (begin, end), spans in which clients were blocked by us, sizes of the database."""

    spans: list[tuple[Key, float, float]] = field(default_factory=list)
    blocked: list[tuple[str, float, float]] = field(default_factory=list)
    disk_peak: int = 0
    failed: str = ""
    looks: list[float] = field(default_factory=list)
    _open: dict[tuple[str, Key], float] = field(default_factory=dict)

    def locks(self, begin: float, end: float) -> tuple[Lock, ...]:
        """Of each table and mode the longest hold and wait within a time."""
        found: dict[tuple[str, str], list[float]] = {}
        for (table, mode, granted), first, last in self.spans:
            if last >= begin and first <= end:
                hold_wait = found.setdefault((table, mode), [0.0, 0.0])
                at = 0 if granted else 1
                hold_wait[at] = max(hold_wait[at], round(1000 * (last - first), 1))
        return tuple(Lock(table, mode, *times) for (table, mode), times in sorted(found.items()))

    def stopped(self, begin: float, end: float) -> tuple[int, float]:
        """How many sessions our locks stopped within a time, and the longest such wait in ms."""
        waits = [(who, last - first) for who, first, last in self.blocked if last >= begin and first <= end]
        longest = max((seconds for _, seconds in waits), default=0.0)
        return len({who for who, _ in waits}), round(1000 * longest, 1)

    def gap(self, begin: float, end: float) -> float:
        """The longest time in ms between two looks around a time: what was shorter may have gone unseen."""
        looks = self.looks
        first, last = max(bisect_left(looks, begin) - 1, 0), bisect_right(looks, end) + 1
        within = looks[first:last]
        return round(1000 * max((b - a for a, b in pairwise(within)), default=end - begin), 1)

    def note(self, seen: list[tuple[str, str, str, str, bool]], before: float, now: float) -> None:
        """One sample, taken at ``now``; the one before it was taken at ``before``."""
        there = {
            (who, (table, mode, granted) if kind == "lock" else ("", "blocked", True))
            for kind, who, table, mode, granted in seen
        }
        for key in there - self._open.keys():
            self._open[key] = before
        for key in self._open.keys() - there:
            self._close(key, now)

    def _close(self, key: tuple[str, Key], now: float) -> None:
        first = self._open.pop(key)
        who, what = key
        if what[1] == "blocked":
            self.blocked.append((who, first, now))
        else:
            self.spans.append((what, first, now))


@contextmanager
def watching(url: str) -> Iterator[Watch]:
    """Watch a database until the end of the block."""
    found, over = Watch(), threading.Event()
    thread = threading.Thread(target=_watch, args=(url, found, over), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def _watch(url: str, found: Watch, over: threading.Event) -> None:
    try:
        with psycopg.connect(url, autocommit=True, application_name="orch-rehearsal") as link:
            _look(link, found, over)
    except psycopg.Error as error:
        found.failed = str(error).splitlines()[0]


def _look(link: psycopg.Connection, found: Watch, over: threading.Event) -> None:
    before = time.monotonic()
    measured = 0.0
    while not over.wait(EVERY):
        seen = link.execute(_LOCKS.encode()).fetchall()
        now = time.monotonic()
        found.note(seen, before, now)
        found.looks.append(now)
        before = now
        if now - measured > DISK_EVERY:
            ((size,),) = link.execute(_SIZE).fetchall()
            found.disk_peak, measured = max(found.disk_peak, int(size)), now
    found.note([], before, time.monotonic())
