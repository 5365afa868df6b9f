"""The Status of every Change, kept current by reading only what moved.

Why it exists: whoever watches looks twice a second, at a thousand Changes as at ten. What was read is kept by whoever looks,
and handed back, so that nothing here remembers anything; what depends on the clock alone is judged and read anew in turns.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from orchestrator.core.status import Status
from orchestrator.statuses import status
from state import known, marks, queries
from state.known import Known
from state.machine import TERMINAL
from state.marks import Mark

READ_AGAIN = timedelta(seconds=5)
"""Approvals and freezes end by the clock, without an event: nothing is older than this, or waits for its turn."""
READ_MOST = 20
TURN = timedelta(seconds=2)
"""Between two turns: reading one Change asks as many questions as reading twenty."""
JUDGE_AGAIN = timedelta(seconds=2)
"""Soak, windows and ages of evidence need only the clock."""
JUDGE_MOST = 30


@dataclass(frozen=True, slots=True)
class Entry:
    """One Change as it was read, and judged since."""

    mark: Mark
    known: Known
    status: Status
    read_at: datetime
    judged_at: datetime


@dataclass(frozen=True, slots=True)
class Fleet:
    """Every Change, the oldest first."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    turned_at: datetime | None = None

    @property
    def statuses(self) -> tuple[Status, ...]:
        """As ``Service.statuses``."""
        return tuple(entry.status for entry in self.entries.values())


def refreshed(connection: Connection, before: Fleet | None) -> Fleet:
    """The Changes as they are now."""
    kept = before.entries if before is not None else {}
    now = queries.now(connection)
    here = marks.of_all(connection)
    stale = {change for change, mark in here.items() if change not in kept or kept[change].mark.said != mark.said}
    turned_at = before.turned_at if before is not None else None
    if turned_at is None or now - turned_at >= TURN:
        stale |= set(_oldest(kept, here.keys() - stale, "read_at", now - READ_AGAIN, READ_MOST))
        turned_at = now
    touched = {change for change in here.keys() - stale if kept[change].mark.figures != here[change].figures}
    aged = set(_oldest(kept, here.keys() - stale - touched, "judged_at", now - JUDGE_AGAIN, JUDGE_MOST))
    read = _read(connection, stale)
    fresh = {each.change.id: Entry(here[each.change.id], each, status(each, full=False), now, now) for each in read}
    figures = known.figures(connection, touched) if touched else {}
    for change in touched:
        fresh[change] = _judged(
            kept[change], here[change], known.with_figures(kept[change].known, figures[change], now), now
        )
    for change in aged:
        fresh[change] = _judged(kept[change], here[change], replace(kept[change].known, now=now), now)
    return Fleet({change: fresh.get(change) or kept[change] for change in here}, turned_at)


def _read(connection: Connection, changes: Iterable[str]) -> list[Known]:
    wanted = list(changes)
    return known.some(connection, wanted) if wanted else []


def _judged(entry: Entry, mark: Mark, found: Known, now: datetime) -> Entry:
    """``found`` differs from what was read by figures and the clock alone, on which what it is held to does not rest."""
    return Entry(mark, found, status(found, full=False, control=entry.status.control), entry.read_at, now)


def _oldest(kept: Mapping[str, Entry], changes: Iterable[str], moment: str, before: datetime, most: int) -> list[str]:
    """Whose turn it is: the oldest, of those that are not over."""
    due = [
        (at, change)
        for change in changes
        if (at := getattr(kept[change], moment)) < before and kept[change].known.change.state not in TERMINAL
    ]
    return [change for _, change in heapq.nsmallest(most, due)]
