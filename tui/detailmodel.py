"""One change in full as lines: pipeline, backfill, gate, evidence, approvals, steps and history.

Why it exists: the side pane, the detail screen and the gate modal show parts of the same text, made here without
Textual.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from orchestrator.core.gate import EVIDENCE_MAX_AGE
from orchestrator.core.status import Status, broken, ran_elsewhere, rehearsal_words
from orchestrator.core.view import StepView
from state.model import Approval, EventRow, Phase, State, StepRow, StepStatus, Verdict
from tui.backfillmodel import Rates, backfill_panel
from tui.line import Line, Role, Span, line, pad, paragraph
from tui.numbers import age_text, count_text, eta_text, percent_text
from tui.viewmodel import glyph, phase_marks, share_of

VERDICTS = {
    Verdict.PASS: ("✔", Role.GOOD),
    Verdict.FAIL: ("✖", Role.BAD),
    Verdict.UNKNOWN: ("◌", Role.WARN),
}
_STEPS = {
    StepStatus.PENDING: ("·", Role.MUTED),
    StepStatus.RUNNING: ("▶", Role.MOVE),
    StepStatus.DONE: ("✔", Role.GOOD),
    StepStatus.UNDONE: ("◌", Role.MUTED),
}
PIPELINE = 62
"""Cells that the pipeline needs with the names of the phases."""
NO_RATES = Rates()
_TOLD_FIRST = ("gate", "ordinal", "description", "reason", "error", "verdict")


def detail_lines(
    status: Status,
    width: int,
    now: datetime,
    events: Sequence[EventRow] | None = None,
    live: bool = True,
    *,
    rates: Rates = NO_RATES,
    locks: Sequence[Line] = (),
) -> list[Line]:
    """Everything there is to say of one change; ``events`` is None where the history is not shown."""
    lines = [*_head(status, width, live), line(width, *pipeline(status, width, live))]
    lines += _now_lines(status, width, live)
    lines += backfill_lines(status, width, live, rates)
    lines += gate_lines(status, width, now)
    lines += locks
    lines += approval_lines(status, width, now)
    lines += step_lines(status, width)
    return lines if events is None else [*lines, *history_lines(events, width, now)]


def section(width: int, title: str) -> list[Line]:
    """An empty line and a heading."""
    return [line(width), line(width, (f" {title}", Role.TITLE))]


def counted(count: int, word: str) -> str:
    """``1 check``, ``2 checks``."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def ago(then: datetime, now: datetime) -> str:
    """The age of ``then``, never negative: clocks of two machines differ."""
    return f"{age_text(max((now - then).total_seconds(), 0.0))} ago"


def _head(status: Status, width: int, live: bool) -> list[Line]:
    mark, role = glyph(status, live)
    facts = (
        f" target {status.target}  requester {status.requester}  state {status.state.value}"
        f"  version {status.version}  plan {status.plan_sha256[:10]}"
    )
    return [
        line(width, (f" {mark} {status.attention.value} ", role), (status.change, Role.TITLE)),
        *paragraph(width, status.title, lead=(" ", Role.PLAIN)),
        *paragraph(width, facts.strip(), Role.MUTED, lead=(" ", Role.PLAIN)),
    ]


def pipeline(status: Status, width: int, live: bool = True) -> list[Span]:
    """``expand ✔ > backfill ▶ 63.2% > switch_reads · > contract ·``; initials where that is too long."""
    spans: list[Span] = [(" ", Role.PLAIN)]
    short = width < PIPELINE
    for rank, (phase, mark, role) in enumerate(phase_marks(status)):
        share = share_of(status) if phase is Phase.BACKFILL else None
        shown = "?" if role is Role.MOVE and not live else mark
        done = f" {percent_text(share)}" if share is not None else ""
        spans += [(" > ", Role.MUTED)] if rank else []
        name = phase.value[0].upper() if short else f"{phase.value} "
        spans.append((f"{name}{shown}{done}", role))
    return spans


def _now_lines(status: Status, width: int, live: bool) -> list[Line]:
    mark, role = glyph(status, live)
    lines = paragraph(width, status.why, lead=(f" {mark} ", role))
    if status.lease is not None:
        left = age_text(status.lease.seconds_left)
        text = f"run by {status.lease.owner}, fence {status.lease.fence}, lease for {left} more"
        lines += paragraph(width, text, Role.MUTED, lead=("   ", Role.PLAIN))
    if status.requested is not None:
        text = f"a worker was asked to run {status.requested.value}"
        lines += paragraph(width, text, Role.MUTED, lead=("   ", Role.PLAIN))
    for glass in status.glass:
        lines += paragraph(width, f"GLASS BROKEN: {broken(glass)}", Role.BAD, lead=(" ✖ ", Role.BAD))
    for found in status.deployed:
        lines += paragraph(width, ran_elsewhere(found), lead=("   ", Role.PLAIN))
    lines += rehearsal_lines(status, width)
    if status.rejected_rows:
        rows = counted(status.rejected_rows, "rejected row")
        text = f"{rows} to be repaired (orch_target.rejected_row), then: orch verify {status.change}"
        lines += paragraph(width, text, lead=(" ✖ ", Role.BAD))
    return lines


def rehearsal_lines(status: Status, width: int) -> list[Line]:
    """The last rehearsal, and in which steps it met more than its budgets; nothing where there was none."""
    found, said = status.rehearsed, rehearsal_words(status)
    if found is None or not said:
        return []
    against = bool(found.faults) or found.plan_sha256 != status.plan_sha256
    lines = paragraph(width, f"rehearsed {said}", Role.WARN if against else Role.MUTED, lead=("   ", Role.PLAIN))
    for over in found.over_budget:
        lines += paragraph(width, f"over budget: {over}", Role.BAD, lead=("   ✖ ", Role.BAD))
    return lines


def backfill_lines(status: Status, width: int, live: bool, rates: Rates = NO_RATES) -> list[Line]:
    """Rows, bar, rate, arrival and the reason of a throttle, for each table."""
    if not status.backfills:
        return []
    lines = section(width, "BACKFILL")
    for backfill in status.progress:
        over, seen = status.state is not State.BACKFILLING, rates.of(status.change, backfill.ordinal)
        lines += backfill_panel(backfill, width, live, over, seen)
    return lines


def gate_lines(status: Status, width: int, now: datetime) -> list[Line]:
    """What the gate ahead asks for, and the evidence it was judged by."""
    gate = status.gate
    if gate is None:
        return []
    passed = len(gate.requirements) - len(gate.missing)
    words = "ready" if gate.ready else f"{passed} of {len(gate.requirements)} pass"
    lines = section(width, f"GATE {gate.phase.value}: {words}")
    for need in gate.requirements:
        mark, role = VERDICTS[need.verdict]
        lead = (f"  {mark} {need.verdict.value:<7} {need.name}  ", role)
        lines += paragraph(width, need.detail, lead=lead)
    return lines + evidence_lines(status, width, now)


def evidence_lines(status: Status, width: int, now: datetime) -> list[Line]:
    """The last evidence, with digest, age and sample keys of what does not pass."""
    evidence = status.evidence
    if evidence is None:
        return [line(width, ("  evidence: none yet", Role.MUTED))]
    text = (
        f"evidence {evidence.sha256[:12]}  gate {evidence.gate.value}"
        f"  {counted(len(evidence.findings), 'check')}  {ago(evidence.at, now)}, {_counts_for(evidence.at, now)}"
    )
    lines = paragraph(width, text, Role.MUTED, lead=("  ", Role.PLAIN))
    for finding in evidence.findings:
        if finding.verdict is not Verdict.PASS and finding.samples:
            keys = ", ".join(finding.samples[:5])
            found = f"{finding.name}: {finding.mismatches} mismatches, for example {keys}"
            lines += paragraph(width, found, Role.BAD, lead=("    ", Role.PLAIN))
    return lines


def _counts_for(at: datetime, now: datetime) -> str:
    left = (at + EVIDENCE_MAX_AGE - now).total_seconds()
    return f"{eta_text(left)} left" if left > 0 else "too old to count"


def approval_lines(status: Status, width: int, now: datetime) -> list[Line]:
    """Who said what at which gate."""
    if not status.approvals:
        return []
    lines = section(width, "APPROVALS")
    for approval in status.approvals:
        lines += _approval(approval, status, width, now)
    return lines


def _approval(approval: Approval, status: Status, width: int, now: datetime) -> list[Line]:
    refused = approval.decision != "approve"
    lead: Span = ("  ✖ ", Role.BAD) if refused else ("  ✔ ", Role.GOOD)
    self_approved = " (self-approved)" if approval.approver == status.requester else ""
    text = (
        f"{approval.approver}{'' if refused else self_approved}"
        f" {'rejected' if refused else 'approved'} {approval.gate.value} {ago(approval.at, now)}"
    )
    if approval.reason:
        text += f' "{approval.reason}"'
    if not refused:
        left = (approval.expires_at - now).total_seconds()
        text += f"  expires in {eta_text(left)}" if left > 0 else "  expired"
    return paragraph(width, text, lead=lead)


def step_lines(status: Status, width: int) -> list[Line]:
    """Each Step with what the registry believes of it, its attempts and its last error."""
    if not status.steps:
        return []
    lines = section(width, "STEPS")
    for step in status.steps:
        lines += _step(step, width)
    return lines


def _step(step: StepRow, width: int) -> list[Line]:
    broken = step.error is not None and step.status is StepStatus.RUNNING
    mark, role = ("✖", Role.BAD) if broken else _STEPS[step.status]
    again = f"  attempt {step.attempt}" if step.attempt > 1 else ""
    lead = (f"  {mark} {step.ordinal:>2} {pad(step.phase, 12)} ", role)
    lines = paragraph(width, f"{step.description}  {step.status.value}{again}", lead=lead)
    if step.error:
        lines += paragraph(width, step.error, Role.BAD, lead=("       error: ", Role.BAD))
    return lines


def history_lines(events: Sequence[EventRow], width: int, now: datetime) -> list[Line]:
    """The timeline, newest first."""
    lines = section(width, f"HISTORY  {counted(len(events), 'event')}, newest first, UTC")
    for event in reversed(events):
        lead = (f"  {clock(event.at, now)} ", Role.MUTED)
        text = f"{event.actor}  {event.kind}  {told(event.data)}".rstrip()
        lines += paragraph(width, text, lead=lead)
    return lines


def clock(at: str, now: datetime) -> str:
    """The time of an event, with month and day where that is not today."""
    day, _, clock = at.replace(" ", "T").partition("T")
    short = clock[:8] or "--:--:--"
    return short if day == f"{now:%Y-%m-%d}" else f"{day[5:]} {short}"


def told(data: Mapping[str, Any]) -> str:
    """The facts of an event in words: what people said first; digests are cut, nested values left out."""
    keys = [key for key in _TOLD_FIRST if key in data]
    keys += [key for key in data if key not in keys]
    parts = [_fact(key, data[key]) for key in keys]
    return "  ".join(part for part in parts if part)


def _fact(key: str, value: object) -> str:
    if value is None or isinstance(value, (dict, list)):
        return ""
    if key == "reason":
        return f'"{value}"'
    text = str(value)
    return f"{key} {text[:12] if 'sha256' in key else text}"


def _size(step: StepView) -> str:
    """``; public.orders has ~31.6M rows, 4.1 GB``."""
    if not step.table:
        return ""
    if step.rows is None:
        return f"; how large {step.table} is, is not known"
    size = f", {count_text(step.bytes)}B" if step.bytes is not None else ""
    return f"; {step.table} has ~{count_text(step.rows)} rows{size}"


def sql_lines(steps: Sequence[StepView], width: int) -> list[Line]:
    """Exact SQL, lock, cost and undo of every Step that a gate will run."""
    if not steps:
        return [line(width, ("  nothing is left to run", Role.MUTED))]
    return [made for step in steps for made in _sql_of(step, width)]


def _sql_of(step: StepView, width: int) -> list[Line]:
    cost = "rewrites the table" if step.rewrites else "scans the table" if step.scans else "no scan"
    lead: Span = (f"  {step.ordinal:>2} ", Role.TITLE)
    lines = paragraph(width, f"{step.phase} {step.kind}: {step.description}", Role.TITLE, lead=lead)
    for number, statement in enumerate(step.sql):
        label = "     runs " if number == 0 else "          "
        lines += paragraph(width, statement, lead=(label, Role.MUTED))
    lock = f"{step.lock or 'none'}; {cost}"
    size = _size(step)
    heavy = Role.WARN if step.rewrites or "ACCESS EXCLUSIVE" in step.lock.upper() else Role.PLAIN
    lines += paragraph(width, lock, heavy, lead=("     lock ", Role.MUTED))
    if step.expected:
        lines += paragraph(width, f"{step.expected}{size}", lead=("     time ", Role.MUTED))
    for number, statement in enumerate(step.undo or (f"none: {step.undo_note or 'not told'}",)):
        label = "     undo " if number == 0 else "          "
        role = Role.PLAIN if step.undo else Role.WARN
        lines += paragraph(width, statement, role, lead=(label, Role.MUTED))
    if step.undo and step.undo_note:
        lines += paragraph(width, step.undo_note, Role.MUTED, lead=("          ", Role.PLAIN))
    return lines
