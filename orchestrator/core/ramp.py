"""How far the read switch has come where it goes up in parts, and how long the part that stands has left.

Why it exists: between two parts nothing is to be done, by nobody: the worker must not try, and people must see why.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from orchestrator.core.duration import words
from state.model import StepRow, StepStatus

EACH = 600.0
"""Seconds that a part stands unless told otherwise: long enough for a dashboard to show what some readers meet."""


@dataclass(frozen=True, slots=True)
class Rung:
    """``percent`` of readers have switched; ``then`` percent do in ``seconds``, which is more than 0."""

    percent: int
    then: int
    seconds: float

    def __str__(self) -> str:
        return f"reads_new answers true for {self.percent} %; for {self.then} % in {words(self.seconds)}"


def standing(steps: Iterable[StepRow], now: datetime) -> Rung | None:
    """The part that must stand a while longer, by the Registry's clock, or None."""
    switch = sorted((row for row in steps if row.kind == "switch_reads"), key=lambda row: row.ordinal)
    for before, row in pairwise(switch):
        if row.status in (StepStatus.PENDING, StepStatus.UNDONE) and before.status is StepStatus.DONE:
            return _left(before, row, now)
    return None


def _left(before: StepRow, row: StepRow, now: datetime) -> Rung | None:
    asked = float(row.definition.get("after", 0.0))
    if before.finished_at is None:
        return None
    left = (before.finished_at + timedelta(seconds=asked) - now).total_seconds()
    found = (int(before.definition["percent"]), int(row.definition["percent"]))
    return Rung(*found, left) if left > 0 else None
