"""Several sessions fill disjoint ranges of a table at once, as many as the throttle allows at the moment.

Why it exists: one session cannot use more than one core of the server. The table was cut into ranges when the backfill began,
each with a cursor of its own, so the number of sessions may change between any two batches.
"""

from __future__ import annotations

import threading
from collections import deque

from orchestrator.core.ports import Cursor, Session
from orchestrator.core.step import Backfill
from orchestrator.engine.pace import Pace


class Lanes:
    """The ranges that are still to be filled, and the sessions at work on them. The caller's own session is the first."""

    def __init__(self, pace: Pace, session: Session) -> None:
        self._pace, self._session = pace, session
        self._waiting = deque(cursor for cursor in pace.cursors.values() if not cursor.done)
        self._lock = threading.Lock()
        self._helpers: dict[int, threading.Thread] = {}

    def fill(self) -> None:
        """Fill every range. Raises what the first lane that failed raised, once the others have ended their batches."""
        try:
            while self._waiting:
                while (cursor := self._next()) is not None:
                    self._work(self._session, cursor, 0)
                self._join()
                if (failure := self._pace.throttle.failure) is not None:
                    raise failure
        except BaseException as error:
            self._fail(error)
            self._join()
            raise

    def _next(self) -> Cursor | None:
        with self._lock:
            return self._waiting.popleft() if self._waiting and not self._over else None

    @property
    def _over(self) -> bool:
        return self._pace.throttle.failure is not None

    def _fail(self, error: BaseException) -> None:
        """Let the other lanes end, also those that wait; the first failure is the one that is told."""
        with self._lock:
            self._pace.throttle.failure = self._pace.throttle.failure or error

    def _work(self, session: Session, cursor: Cursor, place: int) -> None:
        """Fill a range; given back when there are to be fewer lanes."""

        def send(step: Backfill, cursor: Cursor, skips: bool) -> Cursor:
            return session.batch(step, self._pace.mark, cursor, skips)

        while not cursor.done and not self._over:
            if place == 0:
                self._call_helpers()
            elif place >= self._pace.throttle.lanes:
                break
            cursor = self._pace.through(send, cursor)
        if not cursor.done:
            with self._lock:
                self._waiting.append(cursor)

    def _call_helpers(self) -> None:
        for place in range(1, self._pace.throttle.lanes):
            helper = self._helpers.get(place)
            if self._waiting and (helper is None or not helper.is_alive()):
                name = f"lane {place} of {self._pace.mark.step_id}"
                self._helpers[place] = threading.Thread(target=self._help, args=(place,), name=name, daemon=True)
                self._helpers[place].start()

    def _help(self, place: int) -> None:
        run, pace = self._pace.run, self._pace
        try:
            with (
                run.target.session(run.change.id, run.lease.fence, pace.mark.ordinal) as session,
                run.lease.guarding(session),
            ):
                session.join_backfill(pace.step)
                while place < pace.throttle.lanes and (cursor := self._next()) is not None:
                    self._work(session, cursor, place)
        except BaseException as error:
            self._fail(error)

    def _join(self) -> None:
        for helper in self._helpers.values():
            helper.join()
