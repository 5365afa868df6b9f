"""How far a backfill is, how fast, until when, and why it waits: told to the Registry and to whoever listens.

Why it exists: the loop knows rows, the operator wants a rate, an ETA and a reason, live and without slowing the loop.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime

from orchestrator.core.plan import PlannedStep
from orchestrator.core.ports import Cursor
from orchestrator.core.progress import Progress
from orchestrator.core.step import Backfill
from orchestrator.engine.run import Run
from state.model import BackfillRow

REPORT_EVERY = 0.5
"""Seconds between reports to the Registry and the listener."""
WINDOW = 10.0
"""Seconds over which the rate is averaged."""


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


class Reporter:
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
