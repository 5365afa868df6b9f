"""A Status as text: one change in full, or all of them in a list. Glyph and word always stand together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.cli.text import clean, paint, wrapped
from orchestrator.core.duration import words
from orchestrator.core.status import Attention, Status, broken, ran_elsewhere, rehearsal_words
from state.model import BackfillRow, ComparisonRow, StepRow, StepStatus, Verdict

_ATTENTION = {
    Attention.GATE: ("‖", "yellow"),
    Attention.FAILED: ("✖", "red"),
    Attention.BLOCKED: ("✖", "red"),
    Attention.THROTTLE: ("◷", "yellow"),
    Attention.PAUSED: ("■", "yellow"),
    Attention.RUN: ("▶", "cyan"),
    Attention.QUEUED: ("·", ""),
    Attention.DONE: ("✔", "green"),
}
_VERDICT = {Verdict.PASS: ("✔", "green"), Verdict.FAIL: ("✖", "red"), Verdict.UNKNOWN: ("?", "yellow")}
_STEP = {
    StepStatus.PENDING: ("·", ""),
    StepStatus.RUNNING: ("▶", "cyan"),
    StepStatus.DONE: ("✔", "green"),
    StepStatus.UNDONE: ("↶", "dim"),
}


def verdict(value: Verdict) -> str:
    """A verdict as glyph and word, ten columns wide."""
    glyph, style = _VERDICT[value]
    return paint(f"{glyph} {value.value}".ljust(10), style)


def attention(status: Status) -> str:
    """The word of the STATE column, eleven columns wide."""
    glyph, style = _ATTENTION[status.attention]
    return paint(f"{glyph} {status.attention.value}".ljust(11), style)


def listed(statuses: Sequence[Status]) -> list[str]:
    """All changes, most urgent first as the service orders them; two lines each."""
    if not statuses:
        return ["no changes yet; orch submit FILE begins one"]
    room = min(44, max(len(status.change) for status in statuses))
    lines = []
    for status in statuses:
        name = clean(status.change).ljust(room)
        lines.append(f"{attention(status)}{name}  {status.state.value}, {clean(status.target)}")
        lines += wrapped(status.why, 11)
    return lines


def detailed(status: Status) -> list[str]:
    """One change in full."""
    return [
        *_head(status),
        *_gate(status),
        *_backfills(status.progress),
        *_comparisons(status.comparisons),
        *_steps(status.steps),
    ]


def _head(status: Status) -> list[str]:
    title = "" if status.title == status.change else status.title
    lines = [paint(clean(status.change), "bold"), *(wrapped(title, 0) if title else [])]
    lines.append(f"{attention(status)}{status.state.value}, target {clean(status.target)}, version {status.version}")
    lines += wrapped(status.why, 11)
    lines.append(f"plan       {status.plan_sha256}")
    if status.gate and status.gate.evidence_sha256:
        lines.append(f"evidence   {status.gate.evidence_sha256}")
    for glass in status.glass:
        lines += [paint(each, "red") for each in wrapped(broken(glass), 11, "GLASS")]
    for found in status.deployed:
        lines += wrapped(ran_elsewhere(found), 11, "deployed")
    if status.hold:
        held = f"{status.hold.reason} ({status.hold.actor}, {status.hold.at:%Y-%m-%d %H:%M}Z)"
        lines += wrapped(held, 11, "hold")
    if status.lease:
        lease, left = status.lease, words(max(0.0, status.lease.seconds_left))
        held = f"{lease.owner}, fence {lease.fence}, since {words(lease.seconds_held)}, {left} more unless renewed"
        lines += wrapped(held, 11, "lease")
    if words_of := rehearsal_words(status):
        lines += wrapped(words_of, 11, "rehearsed")
    if status.rejected_rows:
        lines.append(f"rejected   {status.rejected_rows} rows wait for a person")
    return lines


def _gate(status: Status) -> list[str]:
    if status.gate is None:
        return []
    word = "open" if status.gate.ready else "closed"
    return ["", f"gate {status.gate.phase.value}: {word}", *needs(status)]


def needs(status: Status, *, missing: bool = False) -> list[str]:
    """What the gate ahead asks for, or only what it still misses."""
    if status.gate is None:
        return []
    lines: list[str] = []
    for need in status.gate.missing if missing else status.gate.requirements:
        lines.append(f"  {verdict(need.verdict)}{clean(need.name)}")
        lines += wrapped(need.detail, 12) if need.detail else []
    return lines


def _backfills(rows: Iterable[BackfillRow]) -> list[str]:
    lines = []
    for row in rows:
        lines += wrapped(progress(row), 2, "")
        lines += _standing(row)
    return ["", "backfill", *("  " + line.lstrip() for line in lines)] if lines else []


def _comparisons(rows: Iterable[ComparisonRow]) -> list[str]:
    """What is being compared for the gate ahead, or was when whoever did it stopped."""
    lines = []
    for row in rows:
        said = "compared" if row.done else f"stands at {row.updated_at:%H:%M:%S}Z"
        numbers = figures(row.rows_done, row.rows_total, row.rows_per_second, row.eta_seconds)
        lines += wrapped(f"{row.name}: {said}, {numbers}", 2, "")
        lines += wrapped(f"{row.mismatches:,} rows are wrong so far", 4, "") if row.mismatches else []
        lines += wrapped(f"waits: {row.throttle}", 4, "") if row.throttle else []
    return ["", "verification", *("  " + line.lstrip() for line in lines)] if lines else []


def _standing(row: BackfillRow) -> list[str]:
    """What holds it back, and what it is held to."""
    lines = wrapped(f"waits: {row.throttle}", 4, "") if row.throttle else []
    for reason in row.reasons:
        if reason.get("effect") == "reshape":
            lines += wrapped(f"otherwise: {reason.get('detail')}", 4, "")
    if row.eta_note:
        lines += wrapped(f"no ETA: {row.eta_note}", 4, "")
    if row.control:
        held = ", ".join(f"{name} {_plain(value)}" for name, value in row.control.items())
        lines += wrapped(f"held to: {held}", 4, "")
    return lines


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def progress(row: BackfillRow) -> str:
    """``orders: 63%, 630,000 of about 1,000,000 rows, 81,000/s, 4m 30s left (4m to 6m)``."""
    told = f"{row.table}: " + figures(row.rows_done, row.rows_total, row.rows_per_second, row.eta_seconds)
    if row.eta_low_seconds is None or row.eta_high_seconds is None:
        return told
    low, high = words(row.eta_low_seconds), words(row.eta_high_seconds)
    return told if low == high else f"{told} ({low} to {high})"


def figures(done: int | None, total: int | None, rate: float | None, eta: float | None) -> str:
    """The figures of a backfill in words. Percentages round down: 100% means done."""
    parts = []
    if total and done is not None:
        parts.append(f"{min(100, done * 100 // total)}%")
    if done is not None:
        parts.append(f"{done:,} of about {total:,} rows" if total else f"{done:,} rows")
    if rate is not None:
        parts.append(f"{rate:,.0f} rows/s")
    if eta is not None:
        parts.append(f"{words(eta)} left")
    return ", ".join(parts)


def _steps(steps: Iterable[StepRow]) -> list[str]:
    lines: list[str] = []
    phase = ""
    for row in steps:
        if row.phase != phase:
            phase = row.phase
            lines += ["", phase]
        glyph, style = _STEP[row.status]
        mark = f"  {glyph} {row.status.value}".ljust(12)
        body = wrapped(f"{row.ordinal}. {row.description}", 12)
        lines += [paint(mark, style) + body[0].lstrip(), *body[1:]]
        if row.error:
            lines += wrapped(f"attempt {row.attempt}: {row.error}", 12)
    return lines
