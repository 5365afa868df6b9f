"""The backfill as lines: how far, how fast against what it could, until when, and what holds it back.

Why it exists: a rate alone does not say whether it is slow because the table is wide or because something holds it. So it is
drawn against what the same batches would do without rest in all lanes that are allowed; and the reasons stand below.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestrator.core.status import Status
from state.model import BackfillRow
from tui.line import Line, Role, Span, line, paragraph
from tui.numbers import bar, count_text, eta_text, fraction, percent_text, rate_text

BLOCKS = " ▁▂▃▄▅▆▇█"
EVERY = 1.0
"""Seconds between two samples."""
KEPT = 300
ROWS = 2
"""Lines of the drawing."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The rate at one moment, None where nobody told one, and what held it back."""

    at: datetime
    rate: float | None
    throttle: str | None


@dataclass(frozen=True, slots=True)
class Rates:
    """What was seen of each backfill since this screen began, by change and step. ``last`` is in seconds of its own clock."""

    samples: Mapping[tuple[str, int], tuple[Sample, ...]] = field(default_factory=dict)
    last: float = -math.inf

    def after(self, moment: float, now: datetime, statuses: Sequence[Status]) -> Rates:
        """With one more sample of each backfill that runs, if it is time; what runs no more is forgotten."""
        if moment - self.last < EVERY:
            return self
        running = [(s, row) for s in statuses if s.lease is not None and s.hold is None for row in s.backfills]
        taken = {}
        for status, row in running:
            key = (status.change, row.ordinal)
            sample = Sample(now, row.rows_per_second, row.throttle)
            taken[key] = (*self.samples.get(key, ())[-KEPT + 1 :], sample)
        return Rates(taken, moment)

    def of(self, change: str, ordinal: int) -> tuple[Sample, ...]:
        """Oldest first."""
        return self.samples.get((change, ordinal), ())


def limit_of(row: BackfillRow) -> float | None:
    """Rows a second that these batches would do without rest, in all lanes that are allowed; None where that is not known."""
    if not row.rows_per_second or not row.duty or not math.isfinite(row.rows_per_second):
        return None
    allowed = row.control.get("lanes")
    lanes = max(int(allowed), row.lanes or 1) / (row.lanes or 1) if isinstance(allowed, int) else 1.0
    return row.rows_per_second / row.duty * lanes


def spark(values: Sequence[float | None], top: float, width: int, rows: int = ROWS) -> list[str]:
    """The last ``width`` values against 0 and ``top``, the newest at the right; floors, so that full means the top."""
    steps = len(BLOCKS) - 1
    shown = list(values)[-max(width, 0) :]
    levels = [_level(value, top, steps * rows) for value in shown]
    pad = " " * (max(width, 0) - len(shown))
    return [
        pad + "".join(BLOCKS[min(max(level - steps * below, 0), steps)] for level in levels)
        for below in range(rows - 1, -1, -1)
    ]


def _level(value: float | None, top: float, most: int) -> int:
    if value is None or not math.isfinite(value) or value <= 0 or not top > 0:
        return 0
    return max(1, min(math.floor(min(value / top, 1.0) * most + 1e-9), most))


def backfill_panel(row: BackfillRow, width: int, live: bool, over: bool, samples: Sequence[Sample] = ()) -> list[Line]:
    """One backfill; once it is ``over``, only how much it was."""
    lines = [_first(row, width, over)]
    if over:
        return lines
    lines += _drawing(row, width, samples) if live else []
    lines += _numbers(row, width, live)
    lines += _reasons(row, width, samples)
    if row.control:
        held = ", ".join(f"{name} {_plain(value)}" for name, value in row.control.items())
        lines += paragraph(width, held, Role.MUTED, lead=("    held to: ", Role.MUTED))
    return lines


def _first(row: BackfillRow, width: int, over: bool) -> Line:
    total = "" if row.rows_total is None else f" of ~{count_text(row.rows_total)}"
    rows: Span = (f"  {row.table}  {count_text(row.rows_done)}{total} rows  ", Role.PLAIN)
    share = fraction(row.rows_done, row.rows_total, over=over)
    if share is None:
        return line(width, rows)
    meter = bar(share, 20 if width >= 76 else 8)
    return line(width, rows, (meter, Role.MOVE), (f" {percent_text(share)}", Role.PLAIN))


def _drawing(row: BackfillRow, width: int, samples: Sequence[Sample]) -> list[Line]:
    if len(samples) < 2:
        return []
    rates = [sample.rate for sample in samples]
    known = [rate for rate in rates[-(width - 4) :] if rate is not None and math.isfinite(rate)]
    top = max([limit_of(row) or 0.0, *known], default=0.0)
    return [line(width, ("    ", Role.PLAIN), (drawn, Role.MOVE)) for drawn in spark(rates, top, width - 5)]


def _numbers(row: BackfillRow, width: int, live: bool) -> list[Line]:
    rate, limit = rate_text(row.rows_per_second) if live else "-", limit_of(row) if live else None
    most = f" of at most ~{rate_text(limit)}" if limit is not None and row.duty and row.duty < 1 else ""
    lanes = f"  lanes {row.lanes} of {row.control.get('lanes', row.lanes)}" if row.lanes else ""
    duty = f"  duty {percent_text(row.duty)}" if row.duty is not None else ""
    return paragraph(width, f"ETA {_eta(row, live)}  rate {rate}{most}{duty}{lanes}", lead=("    ", Role.PLAIN))


def _eta(row: BackfillRow, live: bool) -> str:
    note = f" ({row.eta_note})" if row.eta_note else ""
    if not live or row.eta_seconds is None:
        return f"-{note}"
    low, high = eta_text(row.eta_low_seconds), eta_text(row.eta_high_seconds)
    between = f" ({low} to {high})" if "-" not in (low, high) and low != high else ""
    return f"{eta_text(row.eta_seconds)}{between}{note}"


def _reasons(row: BackfillRow, width: int, samples: Sequence[Sample]) -> Iterator[Line]:
    """What holds it back now, each signal with its scale; else what did last."""
    if row.reasons:
        for reason in row.reasons:
            yield from _reason(reason, width)
        return
    text, role = row.throttle or "none", Role.WARN if row.throttle else Role.MUTED
    last = next((sample for sample in reversed(samples) if sample.throttle), None)
    if not row.throttle and last is not None:
        text += f"; last at {last.at:%H:%M:%SZ}: {last.throttle}"
    yield from paragraph(width, text, role, lead=("    throttle: ", role))


def _reason(reason: Mapping[str, Any], width: int) -> list[Line]:
    """Signals above 1.0 stop, those above 0.7 slow down."""
    effect, scale = str(reason.get("effect")), reason.get("scale")
    mark, role = {"stop": ("✖", Role.BAD), "slow": ("◷", Role.WARN)}.get(effect, ("·", Role.MUTED))
    at = f" {scale:.2f}" if isinstance(scale, (int, float)) else ""
    lead: Span = (f"    {mark} {effect} {reason.get('signal')}{at}  ", role)
    return paragraph(width, str(reason.get("detail", "")), lead=lead)


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
