"""Brings one batch after the other about: when nothing stands against it, as big as the last one allows, past locks of others.

Why it exists: lanes and mop-up send batches in the same way. A batch that met a lock is tried again without waiting for one, and
so are those that come next, since where one row is contended others are; what they skip is left to the mop-up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from orchestrator.core.plan import PlannedStep
from orchestrator.core.ports import Cursor, LockNotGranted, Mark
from orchestrator.core.step import Backfill
from orchestrator.engine.run import Run, jittered
from orchestrator.engine.throttle import Throttle

LOCK_TRIES = 50
"""Tries of one batch against locks of the application before the step is given back."""
SKIPPING = 64
"""Batches that skip locked rows after one that met a lock."""
LEAST = 10
"""Rows below which a batch that found no lock is not halved any more."""

Send = Callable[[Backfill, Cursor, bool], Cursor]


class Pace:
    """What the lanes of a Backfill share: their cursors, how big a batch may be, what they report. Safe between threads."""

    def __init__(
        self,
        run: Run,
        planned: PlannedStep,
        step: Backfill,
        mark: Mark,
        throttle: Throttle,
        cursors: Iterable[Cursor],
    ) -> None:
        self.run, self.planned, self.step, self.mark = run, planned, step, mark
        self.throttle = throttle
        self.cursors = {cursor.lane: cursor for cursor in cursors}
        self.working = 0.0
        self._rows = step.batch_rows
        self._skipping = 0
        self._lock = threading.RLock()

    @property
    def fenced(self) -> float:
        """Seconds that the server has spent on fence checks."""
        return sum(cursor.fenced for cursor in self.cursors.values())

    def through(self, send: Send, cursor: Cursor) -> Cursor:
        """One batch; locks of the application are waited out in short, visible pauses."""
        rows = self._rows
        for attempt in range(LOCK_TRIES):
            self.throttle.wait(self._whole(cursor))
            started = time.monotonic()
            try:
                done = send(replace(self.step, batch_rows=rows), cursor, self._skips())
            except LockNotGranted as error:
                if attempt == LOCK_TRIES - 1:
                    raise
                rows = max(min(LEAST, rows), rows // 2)
                self._skipping = SKIPPING
                self.report(cursor, waits=f"waits for row locks of the application: {error}")
                time.sleep(jittered(0.1) if attempt else jittered(0.01))
            else:
                self._note(cursor, done, rows, time.monotonic() - started)
                return done
        raise AssertionError("the last try returns or raises")

    def report(self, cursor: Cursor, *, waits: str | None = None, force: bool = False) -> None:
        """Say where all lanes together stand."""
        with self._lock:
            self.throttle.report(self._whole(cursor), waits=waits, force=force)

    def _skips(self) -> bool:
        with self._lock:
            self._skipping, skips = max(0, self._skipping - 1), self._skipping > 0
        return skips

    def _note(self, before: Cursor, done: Cursor, rows: int, took: float) -> None:
        with self._lock:
            self.cursors[done.lane] = done
            self.working += took
            self._rows = self.throttle.sized(rows, took)
            if done.plain != before.plain and done.plain:
                self.run.tell("backfill.plain", f"goes on without stripes: {done.plain}", self.planned.ordinal)
            self.report(done)

    def _whole(self, cursor: Cursor) -> Cursor:
        """The cursor with the rows of all lanes."""
        with self._lock:
            others = sum(each.rows for lane, each in self.cursors.items() if lane != cursor.lane)
        return replace(cursor, rows=cursor.rows + others)
