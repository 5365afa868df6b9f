"""Whether the history is whole, and whether the stored rows are what it says.

Why it exists: a hash chain proves nothing until somebody recomputes it, and an unbroken chain proves nothing about rows
that were changed beside it. So both are checked here, purely, from what was read in one snapshot: every link, then
every Change folded through the same machine that moved it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from state.digest import plan_sha256
from state.machine import Folded, Refused, apply
from state.model import Approval, ChangeRow, Event, EventRow, StepRow, StepStatus

GENESIS = "0" * 64
"""What the first link hashes in place of a predecessor."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that does not fit. ``seq`` names the event, ``change_id`` the Change, as far as there is one."""

    seq: int | None
    change_id: str | None
    sentence: str

    def __str__(self) -> str:
        where = [f"event {self.seq}"] if self.seq is not None else []
        where += [f"change {self.change_id}"] if self.change_id is not None else []
        return f"{', '.join(where) or 'history'}: {self.sentence}"


def verify(
    events: Iterable[EventRow],
    changes: Iterable[ChangeRow],
    steps: Iterable[StepRow],
    *,
    head: tuple[int, str] | None = None,
    approvals: Iterable[Approval] | None = None,
) -> list[Problem]:
    """Everything that does not fit; empty when all does. ``events`` are all of them, in order of ``seq``.

    ``head`` is where the chain should end (the stored head, or one anchored outside): without it, the loss of the
    newest events is found only where it contradicts a row. ``approvals`` are compared with the events about them.
    """
    history = tuple(events)
    problems = [*_chain(history), *(_end(history, head) if head is not None else ())]
    problems += _rows(history, tuple(changes), tuple(steps))
    if approvals is not None:
        problems += _approvals(history, approvals)
    return problems


def _chain(history: Sequence[EventRow]) -> Iterator[Problem]:
    seq, digest = 0, GENESIS
    for event in history:
        if event.seq != seq + 1:
            yield _at(event, f"it follows event {seq}; events between are missing or out of order")
        if event.prev_sha256 != digest:
            yield _at(event, "it is not linked to the event before it; one of them was changed, removed or inserted")
        if event.sha256 != sha256((event.prev_sha256 + event.payload).encode()).hexdigest():
            yield _at(event, "its digest is not that of its payload; the event was changed after it was written")
        yield from _columns(event)
        seq, digest = event.seq, event.sha256


def _columns(event: EventRow) -> Iterator[Problem]:
    """The columns beside the payload are copies; they must be true ones."""
    try:
        payload = json.loads(event.payload)
    except ValueError:
        payload = None
    if not isinstance(payload, Mapping):
        yield _at(event, "its payload is no JSON object")
        return
    stored = {
        "seq": event.seq,
        "change": event.change_id,
        "at": event.at,
        "actor": event.actor,
        "kind": event.kind,
        "data": event.data,
    }
    for name, value in stored.items():
        if name not in payload or payload[name] != value:
            yield _at(event, f"its {name} is {value!r}, but the payload that was hashed says {payload.get(name)!r}")


def _end(history: Sequence[EventRow], head: tuple[int, str]) -> Iterator[Problem]:
    last = (history[-1].seq, history[-1].sha256) if history else (0, GENESIS)
    if last != head:
        yield Problem(
            None,
            None,
            f"the chain ends at event {last[0]} ({last[1][:12]}…), the head says event {head[0]} ({head[1][:12]}…); "
            "events were removed, added or replaced at the end",
        )


def _rows(history: Sequence[EventRow], changes: Sequence[ChangeRow], steps: Sequence[StepRow]) -> Iterator[Problem]:
    stored = {change.id: change for change in changes}
    told: dict[str, list[EventRow]] = {}
    for event in history:
        told.setdefault(event.change_id, []).append(event)
    for change_id in sorted(stored.keys() | told.keys()):
        if change_id not in stored:
            yield Problem(None, change_id, "the history tells of it, but its row is gone")
        elif change_id not in told:
            yield Problem(None, change_id, "its row exists, but the history never tells of it")
        else:
            own = [step for step in steps if step.change_id == change_id]
            yield from _one(stored[change_id], told[change_id], own)


def _one(change: ChangeRow, told: Sequence[EventRow], steps: Sequence[StepRow]) -> Iterator[Problem]:
    folded, broken = _fold(told)
    if broken is not None:
        yield broken
    if folded is not None and broken is None:
        yield from _compared(change, folded)
        yield from _compared_steps(change, folded, steps)
        yield from _planned(change, told)


def _fold(told: Sequence[EventRow]) -> tuple[Folded | None, Problem | None]:
    folded: Folded | None = None
    for event in told:
        try:
            folded = apply(folded, Event(event.kind), event.data)
        except Refused as refused:
            return folded, _at(event, f"the machine refuses it: {refused}")
        except (KeyError, ValueError, TypeError) as error:
            return folded, _at(event, f"it cannot be read as {event.kind}: {type(error).__name__} {error}")
    return folded, None


def _compared(change: ChangeRow, folded: Folded) -> Iterator[Problem]:
    pairs = {
        "state": (change.state.value, folded.state.value),
        "version": (change.version, folded.version),
        "plan_sha256": (change.plan_sha256, folded.plan_sha256),
        "hold": (change.hold is not None, folded.held),
        "requested": (change.requested.value if change.requested else None, folded.requested),
    }
    for name, (row, history) in pairs.items():
        if row != history:
            yield Problem(None, change.id, f"its {name} is {row!r}, but the history leads to {history!r}")


def _compared_steps(change: ChangeRow, folded: Folded, steps: Sequence[StepRow]) -> Iterator[Problem]:
    rows = {step.ordinal: step.status for step in steps}
    for ordinal in sorted(rows.keys() | folded.steps.keys()):
        row, history = rows.get(ordinal), folded.steps.get(ordinal, StepStatus.PENDING)
        if row is None:
            yield Problem(None, change.id, f"the history tells of step {ordinal}, but its row is gone")
        elif row is not history:
            sentence = f"step {ordinal} is {row.value!r}, but the history leads to {history.value!r}"
            yield Problem(None, change.id, sentence)


def _planned(change: ChangeRow, told: Sequence[EventRow]) -> Iterator[Problem]:
    """What the submission fixed and no later event may change: the Plan's content and who asked for it."""
    last = [event for event in told if event.kind in (Event.SUBMITTED, Event.REPLANNED)][-1]
    if change.requester != last.actor:
        yield Problem(last.seq, change.id, f"its requester is {change.requester!r}, but {last.actor!r} submitted it")
    for name, row in (("title", change.title), ("target", change.target)):
        if last.data.get(name, row) != row:
            yield Problem(last.seq, change.id, f"its {name} is {row!r}, but {last.data[name]!r} was submitted")
    if plan_sha256(change.plan) != change.plan_sha256:
        yield Problem(None, change.id, "the content of its plan does not have the digest that was approved")


def _approvals(history: Sequence[EventRow], approvals: Iterable[Approval]) -> Iterator[Problem]:
    told = Counter(_told(event) for event in history if event.kind in (Event.APPROVED, Event.REJECTED))
    for each in approvals:
        said = (each.change_id, each.gate.value, each.decision, each.approver, each.plan_sha256, each.evidence_sha256)
        if told[said] > 0:
            told[said] -= 1
        else:
            sentence = f"{each.approver}'s word on {each.gate.value} (approval {each.id}) is not in the history"
            yield Problem(None, each.change_id, sentence)
    for change_id, gate, decision, actor, *_ in told.elements():
        yield Problem(None, change_id, f"{actor} said {decision} at {gate}, but the row of it is gone")


def _told(event: EventRow) -> tuple[str, ...]:
    said = [str(event.data.get(name)) for name in ("plan_sha256", "evidence_sha256")]
    return (event.change_id, str(event.data.get("gate")), str(event.data.get("decision")), event.actor, *said)


def _at(event: EventRow, sentence: str) -> Problem:
    return Problem(event.seq, event.change_id, sentence)
