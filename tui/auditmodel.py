"""The history of all changes as lines: what happened, who did it, and whether the chain of it is intact.

Why it exists: after a release the question is who did what and when, and whether that can be believed. So the state of the chain
is said with the moment up to which it was proved, and never guessed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.core.audit import Problem, linked
from state.model import EventRow
from tui.detailmodel import clock, counted, told
from tui.line import Line, Role, Span, line, pad, paragraph
from tui.viewmodel import elided


@dataclass(frozen=True, slots=True)
class Proof:
    """What the last recomputing of the whole chain came to, up to event ``seq``. ``failed`` is why there is none."""

    at: datetime
    seq: int
    problems: tuple[Problem, ...] = ()
    failed: str = ""


def matching(events: Sequence[EventRow], wanted: str = "") -> list[EventRow]:
    """Newest first; only those in which every word occurs."""
    words = wanted.lower().split()
    return [event for event in reversed(events) if all(word in _searchable(event) for word in words)]


def _searchable(event: EventRow) -> str:
    return f"{event.seq} {event.at} {event.actor} {event.change_id} {event.kind} {told(event.data)}".lower()


def chain_words(events: Sequence[EventRow], proof: Proof | None) -> Span:
    """Whether the chain is intact, how far that was proved, and what came since."""
    if broken := linked(events):
        return f"chain BROKEN: {broken[0]}", Role.BAD
    if proof is None:
        return "chain: being recomputed", Role.MUTED
    if proof.failed:
        return f"chain not verified: {proof.failed}", Role.WARN
    if proof.problems:
        return f"chain BROKEN, {counted(len(proof.problems), 'problem')}: {proof.problems[0]}", Role.BAD
    since = sum(1 for event in events if event.seq > proof.seq)
    later = f", {since} since linked" if since else ""
    return f"chain intact at {proof.at:%H:%M:%SZ}{later}", Role.GOOD


def audit_heading(events: Sequence[EventRow], proof: Proof | None, wanted: str, follow: bool, width: int) -> Line:
    """How many events there are, the state of the chain, filter and follow."""
    total = events[-1].seq if events else 0
    spans: list[Span] = [(f" AUDIT  {total:,} events, ", Role.TITLE), chain_words(events, proof)]
    spans.append((f"  FOLLOW {'on' if follow else 'off'}", Role.MOVE if follow else Role.MUTED))
    spans.append((f"  filter: {wanted or 'none'}", Role.WARN if wanted else Role.MUTED))
    return line(width, *spans)


def audit_lines(shown: Sequence[EventRow] | None, width: int, now: datetime) -> list[Line]:
    """One line for each event, as ``matching`` has ordered them."""
    if not shown:
        text = "Reading the history." if shown is None else "No event matches the filter."
        return [line(width, (f"   {text}", Role.MUTED))]
    clocks = max(len(clock(event.at, now)) for event in shown)
    return [_row(event, width, now, clocks) for event in shown]


def _row(event: EventRow, width: int, now: datetime, clocks: int) -> Line:
    wide = width >= 70
    who, change = (pad(event.actor, 10) + " ", 20 + max(width - 80, 0) // 5) if wide else ("", 14)
    spans: list[Span] = [(f" {pad(clock(event.at, now), clocks)} ", Role.MUTED), (who, Role.PLAIN)]
    spans += [
        (pad(elided(event.change_id, change), change) + " ", Role.PLAIN),
        (pad(event.kind, 19), _role(event.kind)),
    ]
    return line(width, *spans, (told(event.data), Role.PLAIN))


def _role(kind: str) -> Role:
    if kind.endswith((".failed", ".rejected", ".lost", ".cancelled")) or kind in (
        "break_glass.used",
        "registry.behind",
    ):
        return Role.BAD
    if kind.startswith(("hold.", "abort.", "undo.", "freeze.", "phase.deployed")):
        return Role.WARN
    return Role.GOOD if kind == "gate.approved" else Role.PLAIN


def event_panel(event: EventRow | None, width: int) -> list[Line]:
    """One event in full, with its links; nothing of what was hashed is left out."""
    if event is None:
        return []
    about = event.change_id or "the whole registry"
    lines = [line(width, (f" event {event.seq}  {event.kind}", Role.TITLE), (f"  {about}", Role.PLAIN))]
    lines += paragraph(width, f"{event.actor} at {event.at}", lead=(" by    ", Role.MUTED))
    for key, value in event.data.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        lines += paragraph(width, text, lead=(f" {pad(key, max(len(key), 5))} ", Role.MUTED))
    verdict: Span = ("  this link does not fit", Role.BAD) if linked([event]) else ("  this link fits", Role.GOOD)
    links = f" prev {event.prev_sha256[:12]}  this {event.sha256[:12]}"
    return [*lines, line(width, (links, Role.MUTED), verdict)]
