"""How far a backfill is, how fast, until when, and why it waits: told to the Registry and to whoever listens.

Why it exists: the loop knows rows, the operator wants a rate, an ETA and a reason, live and without slowing the loop.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from orchestrator.core.eta import Eta, Pace
from orchestrator.core.plan import PlannedStep
from orchestrator.core.ports import Cursor
from orchestrator.core.progress import Progress
from orchestrator.core.step import Backfill
from orchestrator.engine.run import Run
from state.model import BackfillRow

REPORT_EVERY = 0.5
"""Seconds between reports to the Registry and the listener."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds a backfill back: ``throttle`` in words, ``stopped`` why nothing runs at all, ``reasons`` for programs."""

    throttle: str | None = None
    stopped: str | None = None
    reasons: tuple[Mapping[str, Any], ...] = ()
    duty: float | None = None
    lanes: int | None = None
    control: Mapping[str, Any] = field(default_factory=dict)


class Reporter:
    """Writes progress to the Registry and the listener, every REPORT_EVERY seconds. Safe to share between lanes."""

    def __init__(self, run: Run, planned: PlannedStep, step: Backfill, total: int | None) -> None:
        self._run, self._planned, self._step, self._total = run, planned, step, total
        self._pace = Pace()
        self._last = 0.0
        self._lock = threading.Lock()

    def report(self, cursor: Cursor, standing: Standing) -> None:
        """Say where it stands, and why it waits."""
        now = time.monotonic()
        with self._lock:
            self._last = now
            self._pace = self._pace.at(now, cursor.rows)
        eta = self._pace.eta(None if self._total is None else self._total - cursor.rows, standing.stopped)
        row = self._row(cursor, standing, eta)
        self._run.registry.progress(row, self._run.lease.fence)
        self._run.listen(_told(row, self._planned.description))

    @property
    def is_due(self) -> bool:
        """Whether it is time for a report."""
        return time.monotonic() - self._last >= REPORT_EVERY

    def _row(self, cursor: Cursor, standing: Standing, eta: Eta) -> BackfillRow:
        return BackfillRow(
            change_id=self._run.change.id,
            ordinal=self._planned.ordinal,
            table=str(self._step.table),
            rows_done=cursor.rows,
            rows_total=self._total,
            rows_per_second=self._pace.rate,
            eta_seconds=eta.likely,
            throttle=standing.throttle,
            updated_at=datetime.now(UTC),
            eta_low_seconds=eta.low,
            eta_high_seconds=eta.high,
            eta_note=eta.note,
            duty=standing.duty,
            lanes=standing.lanes,
            reasons=standing.reasons,
            control=standing.control,
        )


def _told(row: BackfillRow, description: str) -> Progress:
    return Progress(
        row.change_id,
        row.ordinal,
        "backfill",
        description,
        row.rows_done,
        row.rows_total,
        row.rows_per_second,
        row.eta_seconds,
        row.throttle,
    )
