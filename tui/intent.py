"""What a person may ask of a change: the words of each request, and when it is out of place.

Why it exists: the decision is the service's, but an operator at night should read beforehand what a key will do, what
can be taken back, and why it is not possible now. Pure, so that each sentence is tested.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orchestrator.core.status import Status
from orchestrator.core.view import StepView
from state.machine import GATE_AHEAD, TERMINAL, TRANSITIONS
from state.model import Event, GateName, State, StepStatus
from tui.detailmodel import approval_lines, counted, evidence_lines, gate_lines, rehearsal_lines, section, sql_lines
from tui.line import Line, Role, Span, paragraph

EFFECTS = {
    GateName.EXPAND: "The new shape is added beside the old one and kept in sync. X aborts it.",
    GateName.BACKFILL: "Existing rows are filled in small batches, throttled by load. X aborts it.",
    GateName.SWITCH_READS: "Reads go to the new shape; sync goes on. u takes the reads back.",
    GateName.CONTRACT: (
        "The old shape is taken away: parked if the plan parks, else dropped. Abort is over then; "
        "u brings a parked shape back."
    ),
    GateName.PURGE: "The parked old shape is dropped. Nothing can bring it back.",
}
FINAL_GATES = (GateName.CONTRACT, GateName.PURGE)


@dataclass(frozen=True, slots=True)
class Intent:
    """A request with its guards. ``pinned`` refuses once version or evidence moved, else once the state moved."""

    verb: str
    title: str
    effect: str
    reason: str = "required"
    typed: bool = False
    pinned: bool = False
    sql: bool = False


def approve(status: Status) -> Intent:
    """Consent to the gate ahead."""
    gate = gate_of(status)
    return Intent(
        "approve",
        f"APPROVE {gate.value} gate",
        EFFECTS[gate],
        "optional",
        typed=gate in FINAL_GATES,
        pinned=True,
        sql=True,
    )


def reject(status: Status) -> Intent:
    """Veto the gate ahead."""
    text = "The gate stays closed, earlier approvals of it no longer count. Approving again lifts it."
    return Intent("reject", f"REJECT {gate_of(status).value} gate", text)


def advance(status: Status) -> Intent:
    """Ask a worker to run the gate ahead."""
    gate = gate_of(status)
    text = f"A worker is asked to run {gate.value} as soon as its gate is ready. {EFFECTS[gate]}"
    final = gate in FINAL_GATES
    return Intent("advance", f"ADVANCE into {gate.value}", text, "none", typed=final, pinned=True, sql=True)


def pause(_: Status) -> Intent:
    """Hold the change."""
    return Intent("pause", "PAUSE", "Work stops after the batch in hand; nothing is lost. r resumes.")


def resume(status: Status) -> Intent:
    """Lift the hold."""
    held = f"Held by {status.hold.actor}: {status.hold.reason}. " if status.hold else ""
    return Intent("resume", "RESUME", f"{held}The hold is lifted and work goes on.", "optional")


def abort(status: Status) -> Intent:
    """Undo to the shape before expand."""
    done = sum(1 for s in status.steps if s.status in (StepStatus.DONE, StepStatus.RUNNING))
    if done:
        text = f"{counted(done, 'step')} already begun will be undone, back to the shape before expand. "
    else:
        text = "Nothing was run yet. "
    if status.state in (State.SWITCHING, State.SWITCHED):
        text += "Reads go back to the old shape first; new is parked, not deleted. "
    text += "Rows of the old shape stay as they are. An aborted change cannot go on: submit a new one."
    return Intent("abort", "ABORT", text, typed=True)


def undo(status: Status) -> Intent:
    """Take back contract, or the switch of reads."""
    if status.state is State.CONTRACTED:
        text = "The parked old shape comes back beside the new one. Contract needs its gate again."
    else:
        text = "Reads go back to the old shape; both shapes stay in sync. Nothing is dropped."
    return Intent("undo", "UNDO", text, typed=True)


INTENTS = {
    "approve": approve,
    "reject": reject,
    "advance": advance,
    "pause": pause,
    "resume": resume,
    "abort": abort,
    "undo": undo,
}


def gate_of(status: Status) -> GateName:
    """The gate ahead; expand for a change that has none, so that no sentence is ever missing."""
    return status.gate.phase if status.gate else GATE_AHEAD.get(status.state, GateName.EXPAND)


def impossible(verb: str, status: Status) -> str:
    """Why ``verb`` is out of place now, or nothing. The service has the last word."""
    name, state = status.change, status.state
    if state in TERMINAL:
        return f"{name} is {state.value}; nothing is left to do"
    if verb in ("approve", "reject", "advance") and state not in GATE_AHEAD:
        return f"{name} is {state.value}, so there is no gate to {verb}; wait until it is done"
    if verb in ("approve", "reject") and status.gate is None:
        return f"{name} has nothing to {verb}: no step waits behind this gate; a goes on"
    if verb == "pause" and status.hold is not None:
        return f"{name} is already held by {status.hold.actor}: {status.hold.reason}"
    if verb == "resume" and status.hold is None:
        return f"{name} is not paused"
    if verb == "abort" and (state, Event.ABORT_STARTED) not in TRANSITIONS:
        hint = "; u undoes it while it is parked" if state is State.CONTRACTED else ""
        return f"{name} is {state.value}: abort is over{hint}"
    if verb == "undo" and state not in (State.CONTRACTED, State.SWITCHED):
        return f"{name} is {state.value}; undo works on switched and contracted changes, X aborts"
    return ""


def refused(intent: Intent, seen: Status, user: str | None) -> str:
    """Why an approval by ``user`` would not count, or nothing. The service has the last word."""
    if intent.verb != "approve" or seen.gate is None or user not in seen.gate.spoken_for:
        return ""
    if any(approval.approver == user and approval.gate is seen.gate.phase for approval in seen.approvals):
        return f"{user} has approved this gate already; it waits for somebody else"
    return f"{user} requested this change, and this gate asks for other people: have one of them approve it"


def moved(intent: Intent, seen: Status, now: Status | None) -> str:
    """What changed since the operator opened the request, if it voids what was read."""
    if now is None:
        return "the change is no longer there"
    if now.state is not seen.state:
        return f"state changed from {seen.state.value} to {now.state.value}"
    if now.plan_sha256 != seen.plan_sha256:
        return "the plan changed"
    if not intent.pinned:
        return ""
    if digest(now) != digest(seen):
        return f"evidence changed from {digest(seen)[:8] or 'none'} to {digest(now)[:8] or 'none'}"
    if now.version != seen.version:
        return f"version changed from {seen.version} to {now.version}"
    return ""


def digest(status: Status) -> str:
    """The digest of the evidence that the gate ahead rests on."""
    if status.gate is not None:
        return status.gate.evidence_sha256
    return status.evidence.sha256 if status.evidence else ""


def intent_lines(
    intent: Intent, status: Status, steps: tuple[StepView, ...] | None, width: int, now: datetime
) -> list[Line]:
    """What the operator must have read before saying yes."""
    lead: Span = (" effect  ", Role.MUTED)
    lines = paragraph(width, intent.effect, lead=lead)
    facts = f"version {status.version}  plan {status.plan_sha256[:16]}  state {status.state.value}"
    lines += paragraph(width, facts, lead=(" on      ", Role.MUTED))
    if not intent.sql:
        return lines
    lines += rehearsal_lines(status, width)
    lines += gate_lines(status, width, now) or evidence_lines(status, width, now)
    lines += approval_lines(status, width, now)
    if steps is None:
        return [*lines, *section(width, "WILL RUN: reading the plan")]
    return [*lines, *section(width, f"WILL RUN: {counted(len(steps), 'step')}"), *sql_lines(steps, width)]
