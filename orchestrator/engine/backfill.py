"""The backfill loop: batch after batch, then mop up until nothing is left, watching lease and hold between them.

Why it exists: it is the longest a Change touches production, so it stops within one batch when asked, says how fast it goes
and until when, and never retries a batch that might have succeeded (the cursor is read again instead).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from orchestrator.core.plan import PlannedStep
from orchestrator.core.ports import Cursor, LockNotGranted, Mark, Session, TargetError
from orchestrator.core.progress import Progress
from orchestrator.core.step import Backfill
from orchestrator.core.throttle import next_rows, ruling
from orchestrator.engine.run import Cost, Run, jittered
from orchestrator.plugins import discover
from state.model import BackfillRow

REPORT_EVERY = 0.5
"""Seconds between reports to the Registry and the listener."""
WINDOW = 10.0
"""Seconds over which the rate is averaged."""
SIGNALS_EVERY = 1.0
"""Seconds between readings of the signals."""
COUNT_EVERY = 20
"""Passes of the mop-up between two counts of what is left, which must become less."""
LOCK_TRIES = 50
"""Tries of one batch against row locks of the application before the step is given back."""


@dataclass
class Meter:
    """Recent rate and ETA. Rows per second over the last WINDOW seconds."""

    total: int | None
    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def note(self, now: float, rows: int) -> None:
        """Rows finished up to ``now``."""
        self._seen.append((now, rows))
        while len(self._seen) > 2 and now - self._seen[0][0] > WINDOW:
            self._seen.popleft()

    @property
    def rate(self) -> float | None:
        """Rows per second, None before there are two readings."""
        (first, before), (last, after) = self._seen[0], self._seen[-1]
        return (after - before) / (last - first) if last > first else None

    def eta(self, rows: int) -> float | None:
        """Seconds left at the recent rate; None when unknown."""
        if self.total is None or not self.rate:
            return None
        return max(0.0, self.total - rows) / self.rate


def fill(run: Run, session: Session, planned: PlannedStep, step: Backfill) -> None:
    """Fill every row. Resumes at the stored cursor. Raises TargetError, LeaseLost, Waiting (held)."""
    mark = run.mark(planned)
    cursor = session.begin_backfill(step, mark)
    meter = Meter(session.estimate(step))
    pace = _Pace(run, session, step, _Reporter(run, planned, step, meter), step.batch_rows)
    while not cursor.done:
        cursor = pace.through(session.batch, mark, cursor)
    cursor = _mopped_up(pace, session, step, mark, cursor)
    session.end_backfill(step, mark, cursor)
    pace.reporter.report(cursor, force=True)
    run.cost[planned.ordinal] = Cost(pace.working, pace.guarding + cursor.fenced)


def _mopped_up(pace: _Pace, session: Session, step: Backfill, mark: Mark, cursor: Cursor) -> Cursor:
    """Mop up until nothing is left; rows that stay empty pass after pass are somebody else's doing. Raises TargetError.

    What the batches say they wrote proves nothing: a trigger may have kept the old row, or taken it back afterwards.
    """
    left: int | None = None
    passes = 0
    while not cursor.ended:
        cursor = pace.through(session.mop_up, mark, cursor)
        passes += 1
        if not cursor.ended and passes % COUNT_EVERY == 0:
            before, left = left, session.left(step)
            if before is not None and left >= before:
                raise TargetError(
                    f"{left} rows of {step.table} stay empty however often they are filled:"
                    " a trigger of the table undoes the update"
                )
    return cursor


class _Reporter:
    """Writes progress to the Registry and the listener, at most every REPORT_EVERY seconds."""

    def __init__(self, run: Run, planned: PlannedStep, step: Backfill, meter: Meter) -> None:
        self._run, self._planned, self._step, self._meter = run, planned, step, meter
        self._last = 0.0

    def report(self, cursor: Cursor, *, throttle: str | None = None, force: bool = False) -> None:
        """Say where it stands, and why it waits."""
        now = time.monotonic()
        self._meter.note(now, cursor.rows)
        if not force and now - self._last < REPORT_EVERY:
            return
        self._last = now
        row = BackfillRow(
            change_id=self._run.change.id,
            ordinal=self._planned.ordinal,
            table=str(self._step.table),
            rows_done=cursor.rows,
            rows_total=self._meter.total,
            rows_per_second=self._meter.rate,
            eta_seconds=self._meter.eta(cursor.rows),
            throttle=throttle,
            updated_at=datetime.now(UTC),
        )
        self._run.registry.progress(row, self._run.lease.fence)
        self._run.listen(
            Progress(
                row.change_id,
                row.ordinal,
                "backfill",
                self._planned.description,
                row.rows_done,
                row.rows_total,
                row.rows_per_second,
                row.eta_seconds,
                throttle,
            )
        )


@dataclass
class _Pace:
    """Brings one batch after the other about: when nothing stands against it, as big as the last one allows."""

    run: Run
    session: Session
    step: Backfill
    reporter: _Reporter
    rows: int
    working: float = 0.0
    guarding: float = 0.0
    _read_at: float = 0.0

    def through(self, send: Callable[[Backfill, Mark, Cursor], Cursor], mark: Mark, cursor: Cursor) -> Cursor:
        """One batch; row locks of the application are waited out in short, visible pauses."""
        for attempt in range(LOCK_TRIES):
            self._wait_for_signals(cursor)
            started = time.monotonic()
            try:
                done = send(replace(self.step, batch_rows=self.rows), mark, cursor)
            except LockNotGranted as error:
                if attempt == LOCK_TRIES - 1:
                    raise
                self.reporter.report(cursor, throttle=f"waits for row locks of the application: {error}")
                time.sleep(jittered(0.1))
            else:
                took = time.monotonic() - started
                self.working += took
                self.rows = next_rows(self.rows, took, self.step.statement_time, self.step.batch_rows)
                self.reporter.report(done)
                return done
        raise AssertionError("the last try returns or raises")

    def _stop_unless_ours(self) -> None:
        began = time.monotonic()
        self.run.lease.check()
        self.run.stop_if_held()
        self.guarding += time.monotonic() - began

    def _wait_for_signals(self, cursor: Cursor) -> None:
        """Return once lease, hold and every signal allow a batch; signals are read every SIGNALS_EVERY seconds."""
        while True:
            self._stop_unless_ours()
            if time.monotonic() - self._read_at < SIGNALS_EVERY:
                return
            signals = discover("orchestrator.signals").values()
            reason = ruling(signal.read(self.session, self.step) for signal in signals)
            if reason is None:
                self._read_at = time.monotonic()
                return
            self.reporter.report(cursor, throttle=reason)
            time.sleep(SIGNALS_EVERY)
