"""The Gates as lines: every gate that waits for a word, what it waits for, and what it rests on.

Why it exists: an approver does not look for changes, but for what waits for them. Gates that people can open come first, then
those that only ask to go on, then those for which time or a deploy must come.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from orchestrator.core.status import Status
from state.machine import TERMINAL
from state.model import Evidence, Verdict
from tui.detailmodel import VERDICTS, ago, approval_lines, counted, gate_lines, pipeline
from tui.line import Line, Role, Span, line, pad, paragraph
from tui.numbers import age_text
from tui.viewmodel import GLYPHS, World, elided

PEOPLE = ("approval", "hold")
"""Kinds of requirement that a person meets with a word here."""


def inbox(statuses: Sequence[Status], wanted: str = "") -> list[Status]:
    """Changes whose gate is closed or waits for ``advance``: those first that a person can open, then by id."""
    words = wanted.lower().split()
    here = [status for status in statuses if _waits(status)]
    kept = [s for s in here if all(word in _searchable(s) for word in words)]
    return sorted(kept, key=lambda s: (_rank(s), s.change))


def waiting(statuses: Sequence[Status]) -> int:
    """How many ``inbox`` holds: every screen counts them with every answer, and need not put them in order."""
    return sum(map(_waits, statuses))


def _waits(status: Status) -> bool:
    if status.gate is None or status.state in TERMINAL:
        return False
    return not status.gate.ready or (status.needs_word and status.requested is None)


def _searchable(status: Status) -> str:
    gate = status.gate.phase.value if status.gate else ""
    return f"{status.change} {status.title} {status.target} {gate}".lower()


def _rank(status: Status) -> int:
    missing = {need.kind for need in status.gate.missing} if status.gate else set()
    if missing & set(PEOPLE):
        return 0
    return 2 if missing else 1


def _shape(width: int) -> tuple[int, bool]:
    """Cells for the id, and whether there is room for the evidence."""
    if width < 70:
        return max(min(18, width - 26), 8), False
    return min(22 + max(width - 80, 0) // 4, 40), True


def gates_heading(width: int) -> Line:
    """The names of the columns."""
    room, evidence = _shape(width)
    text = f"   {pad('GATE', 13)}{pad('CHANGE', room)} {pad('EVIDENCE', 12) if evidence else ''}WAITS FOR"
    return line(width, (text, Role.MUTED))


def gates_lines(world: World, width: int, wanted: str = "") -> list[Line]:
    """One line for each gate; when none waits, that."""
    shown = inbox(world.statuses, wanted)
    if shown:
        return [_row(status, width, world.now, world.live) for status in shown]
    if world.age is None:
        text = "Reading the registry."
    else:
        text = f"No gate matches the filter: {wanted}" if wanted else "No gate waits for anybody."
    return [line(width, (f"   {text}", Role.MUTED))]


def _row(status: Status, width: int, now: datetime, live: bool) -> Line:
    room, evidence = _shape(width)
    mark, role = GLYPHS[status.attention]
    gate = status.gate.phase.value if status.gate else ""
    spans: list[Span] = [(f" {mark} ", role), (pad(gate, 13), role)]
    spans.append((pad(elided(status.change, room), room) + " ", Role.PLAIN))
    if evidence:
        spans.append(_evidence_cell(status.evidence, now, live))
    return line(width, *spans, (status.why, Role.PLAIN))


def _evidence_cell(evidence: Evidence | None, now: datetime, live: bool) -> Span:
    """How many findings speak against it, and how old they are."""
    if evidence is None:
        return pad("◌ none", 12), Role.MUTED
    against = sum(1 for found in evidence.findings if found.verdict is not Verdict.PASS)
    age = age_text(max((now - evidence.at).total_seconds(), 0.0)) if live else "?"
    text = f"✖ {against} of {len(evidence.findings)} {age}" if against else f"✔ {age}"
    return pad(text, 12), Role.BAD if against else Role.GOOD


def gate_panel(status: Status | None, width: int, now: datetime, live: bool = True) -> list[Line]:
    """The gate under the cursor in full: requirements, every finding with its age, and who said what."""
    if status is None or status.gate is None:
        return []
    facts = f"target {status.target}  requester {status.requester}  version {status.version}"
    lines = [line(width, (f" {status.change}  ", Role.TITLE), (facts, Role.MUTED))]
    lines += paragraph(width, status.title, lead=(" ", Role.PLAIN))
    lines.append(line(width, *pipeline(status, width, live)))
    lines += gate_lines(status, width, now)
    lines += _findings(status, width, now)
    return lines + approval_lines(status, width, now)


def _findings(status: Status, width: int, now: datetime) -> list[Line]:
    """What the Checks saw, where the requirements do not say it because it is too old to count."""
    evidence, gate = status.evidence, status.gate
    if evidence is None or gate is None or all(need.name != "evidence" for need in gate.requirements):
        return []
    title = f"  last seen {ago(evidence.at, now)}, too old to count: {counted(len(evidence.findings), 'finding')}"
    lines = [line(width, (title, Role.MUTED))]
    for found in evidence.findings:
        mark, role = VERDICTS[found.verdict]
        lines += paragraph(width, found.detail, Role.MUTED, lead=(f"    {mark} {found.name}  ", role))
    return lines
