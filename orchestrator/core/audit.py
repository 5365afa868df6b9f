"""Whether the history is whole, and whether the stored rows are what it says.

Why it exists: a hash chain proves nothing until somebody recomputes it, and an unbroken chain proves nothing about rows
that were changed beside it. So both are checked here, purely, from what was read in one snapshot: every link, then
every Change folded through the same machine that moved it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from state.digest import evidence_sha256, plan_sha256
from state.machine import Folded, Refused, apply
from state.model import OF_NONE, Approval, ChangeRow, Event, EventRow, Evidence, StepRow, StepStatus

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


@dataclass(frozen=True, slots=True)
class Anchor:
    """An end of the chain that was kept outside: today's chain must still run through it.

    ``registry`` says where it was taken, for people; a restored or renamed database keeps its chain.
    """

    seq: int
    sha256: str
    at: str
    registry: Mapping[str, str]


def verify(
    events: Iterable[EventRow],
    changes: Iterable[ChangeRow],
    steps: Iterable[StepRow],
    *,
    head: tuple[int, str] | None = None,
    approvals: Iterable[Approval] | None = None,
    evidence: Iterable[Evidence] | None = None,
    needed: Mapping[str, Mapping[str, int]] | None = None,
    anchor: Anchor | None = None,
) -> list[Problem]:
    """Everything that does not fit; empty when all does. ``events`` are all of them, in order of ``seq``.

    ``head`` is where the chain should end: without it, the loss of the newest events is found only where it contradicts
    a row. ``approvals`` and ``evidence`` are compared with the events about them, ``needed`` (people per gate, by Change)
    with what was submitted. ``anchor`` must lie on the chain: whoever owns the database can rehash all of it, but
    not what was kept elsewhere.
    """
    history = tuple(events)
    problems = [*_chain(history), *(_end(history, head) if head is not None else ())]
    problems += _anchored(history, anchor) if anchor is not None else ()
    rows = tuple(changes)
    problems += _rows(history, rows, tuple(steps))
    if approvals is not None:
        problems += _approvals(history, approvals)
    if evidence is not None:
        problems += _evidence(history, evidence)
    if needed is not None:
        problems += _needed(history, rows, needed)
    return problems


def linked(events: Iterable[EventRow]) -> list[Problem]:
    """What does not fit in a piece of the chain: whether it hangs together, not whether it hangs on what came before."""
    history = tuple(events)
    return list(_chain(history, history[0].seq - 1, history[0].prev_sha256)) if history else []


def to_json(event: EventRow) -> dict[str, object]:
    """The JSON shape of ``orch audit --json`` (design §4)."""
    return {
        "seq": event.seq,
        "change": event.change_id,
        "at": event.at,
        "actor": event.actor,
        "kind": event.kind,
        "data": dict(event.data),
        "prev_sha256": event.prev_sha256,
        "sha256": event.sha256,
    }


def _chain(history: Sequence[EventRow], seq: int = 0, digest: str = GENESIS) -> Iterator[Problem]:
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


def _anchored(history: Sequence[EventRow], anchor: Anchor) -> Iterator[Problem]:
    there = {0: GENESIS} | {event.seq: event.sha256 for event in history}
    found = there.get(anchor.seq)
    if found != anchor.sha256:
        now = f"there is {found[:12]}…" if found is not None else "there is no such event"
        place = anchor.registry.get("database", "an unnamed registry")
        sentence = (
            f"the anchor of {anchor.at} ({place}) holds {anchor.sha256[:12]}…, and now {now}; "
            "the chain was written anew since, or this is another registry"
        )
        yield Problem(anchor.seq, None, sentence)


def _rows(history: Sequence[EventRow], changes: Sequence[ChangeRow], steps: Sequence[StepRow]) -> Iterator[Problem]:
    stored = {change.id: change for change in changes}
    told: dict[str, list[EventRow]] = {}
    for event in history:
        if event.change_id != OF_NONE:
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
        yield from _held(change, told)
        yield from _moments(change, told)
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


def _held(change: ChangeRow, told: Sequence[EventRow]) -> Iterator[Problem]:
    """Who paused, and why, is what the last hold said."""
    last = [event for event in told if event.kind in (Event.HELD, Event.RESUMED)][-1:]
    if change.hold is None or not last or last[0].kind != Event.HELD:
        return
    event = last[0]
    if (change.hold.reason, change.hold.actor) != (event.data.get("reason"), event.actor):
        row = f"{change.hold.actor}: {change.hold.reason}"
        yield Problem(event.seq, change.id, f"its hold is {row!r}, but {event.actor} said {event.data.get('reason')!r}")


_MOMENTS = {
    "switched_at": frozenset({Event.SWITCH_FINISHED, Event.SWITCH_PASSED, Event.CONTRACT_ABSENT, Event.UNDO_FINISHED}),
    "contracted_at": frozenset({Event.CONTRACT_PARKED}),
}
"""Soak and park run from these; each is set by the events that lead to the state."""


def _moments(change: ChangeRow, told: Sequence[EventRow]) -> Iterator[Problem]:
    for name, kinds in _MOMENTS.items():
        row: datetime | None = getattr(change, name)
        last = [event for event in told if event.kind in kinds][-1:]
        if row is None and not last:
            continue
        if row is None or not last or not _same_moment(row, last[0]):
            said = last[0].at if last else "nothing of the kind"
            yield Problem(None, change.id, f"its {name} is {_utc(row) if row else None}, but the history tells {said}")


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
    told: dict[tuple[str, ...], list[EventRow]] = {}
    for event in history:
        if event.kind in (Event.APPROVED, Event.REJECTED):
            told.setdefault(_said(event), []).append(event)
    for each in approvals:
        bound = (each.plan_sha256, each.evidence_sha256, str(each.reason), _utc(each.expires_at))
        said = (each.change_id, each.gate.value, each.decision, each.approver, *bound)
        if not told.get(said):
            sentence = f"{each.approver}'s word on {each.gate.value} (approval {each.id}) is not in the history"
            yield Problem(None, each.change_id, sentence)
        elif not _same_moment(each.at, event := told[said].pop(0)):
            sentence = f"{each.approver}'s word on {each.gate.value} (approval {each.id}) is dated {_utc(each.at)}"
            yield Problem(event.seq, each.change_id, f"{sentence}, but the history took it in at {event.at}")
    for event in (event for left in told.values() for event in left):
        said_so = f"{event.actor} said {event.data.get('decision')} at {event.data.get('gate')}"
        yield Problem(event.seq, event.change_id, f"{said_so}, but the row of it is gone")


def _said(event: EventRow) -> tuple[str, ...]:
    names = ("plan_sha256", "evidence_sha256", "reason", "expires_at")
    spoken = (str(event.data.get("gate")), str(event.data.get("decision")), event.actor)
    return (event.change_id, *spoken, *(str(event.data.get(name)) for name in names))


def _evidence(history: Sequence[EventRow], evidence: Iterable[Evidence]) -> Iterator[Problem]:
    told: dict[tuple[str, ...], list[EventRow]] = {}
    for event in history:
        if event.kind == Event.EVIDENCE:
            key = (event.change_id, str(event.data.get("gate")), str(event.data.get("sha256")))
            told.setdefault(key, []).append(event)
    for each in evidence:
        name = f"the evidence at {each.gate.value} ({each.sha256[:12]}…)"
        if evidence_sha256(each.findings) != each.sha256:
            yield Problem(None, each.change_id, f"{name} does not have the findings its digest was taken of")
        left = told.get((each.change_id, each.gate.value, each.sha256), [])
        # An older orch told no plan; then gate and digest are all there is.
        fits = [event for event in left if event.data.get("plan_sha256", each.plan_sha256) == each.plan_sha256]
        near = [event for event in fits if _dated(each.at, event)]
        if not fits:
            yield Problem(None, each.change_id, f"{name} is not in the history")
        elif not near:
            yield Problem(fits[0].seq, each.change_id, f"{name} is dated {_utc(each.at)}, not as the history has it")
        if fits:
            left.remove((near or fits)[0])
    for event in (event for left in told.values() for event in left):
        yield _at(event, f"it tells of evidence at {event.data.get('gate')}, but the row of it is gone")


def _dated(at: datetime, event: EventRow) -> bool:
    """Whether evidence bears the date its event tells: that of the event, or an earlier one since which it was looked at."""
    since = event.data.get("since")
    return _same_moment(at, event) if since is None else since == _utc(at) and str(since) <= event.at


def _needed(
    history: Sequence[EventRow], changes: Sequence[ChangeRow], needed: Mapping[str, Mapping[str, int]]
) -> Iterator[Problem]:
    submitted = {event.change_id: event for event in history if event.kind in (Event.SUBMITTED, Event.REPLANNED)}
    for change in changes:
        row = dict(needed.get(change.id, {}))
        event = submitted.get(change.id)
        # An older orch did not tell how many people; the Plan, known by its digest, says it too.
        told = event.data.get("approvals_needed") if event is not None else None
        if told is not None and dict(told) != row:
            yield Problem(None, change.id, f"its gates ask for {row} approvals, but {told} was submitted")
        gates = change.plan.get("gates")
        for gate, policy in gates.items() if isinstance(gates, Mapping) else ():
            asked = policy.get("approvals", 1) if isinstance(policy, Mapping) else 1
            if row.get(gate, 1) != asked:
                sentence = f"its {gate} gate asks for {row.get(gate, 1)} approvals, but its plan says {asked}"
                yield Problem(None, change.id, sentence)


_SLACK = timedelta(minutes=2)
"""How long a row may have waited for the head of the chain before its event was written; locks are limited to less."""


def _same_moment(row: datetime, event: EventRow) -> bool:
    """Whether a row could have been written in the transaction that told of it."""
    try:
        told = datetime.fromisoformat(event.at)
    except ValueError:
        return False
    return told.tzinfo is not None and row <= told <= row + _SLACK


def _utc(moment: datetime) -> str:
    """As the history writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _at(event: EventRow, sentence: str) -> Problem:
    return Problem(event.seq, event.change_id, sentence)
