"""Any single change to a valid history, or to a row that it explains, is found: attacked with random histories, no database."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as some

from orchestrator.core.audit import GENESIS, Anchor, Problem, verify
from state.digest import evidence_sha256, plan_sha256
from state.machine import TRANSITIONS, Folded, apply
from state.model import (
    Approval,
    ChangeRow,
    Event,
    EventRow,
    Evidence,
    Finding,
    GateName,
    Hold,
    State,
    StepRow,
    StepStatus,
    Verdict,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
PLAN: dict[str, Any] = {"steps": [], "gates": {}}
DIGEST = plan_sha256(PLAN)
SEEN = (Finding("rows", "select 1", Verdict.PASS),)
MOMENTS = {State.SWITCHED: "switched_at", State.CONTRACTED: "contracted_at"}


@dataclass(frozen=True)
class Held:
    """Everything a Registry holds of one Change."""

    events: tuple[EventRow, ...]
    change: ChangeRow
    steps: tuple[StepRow, ...]
    approvals: tuple[Approval, ...]
    evidence: tuple[Evidence, ...]

    def problems(self, head: tuple[int, str] | None = None, anchor: Anchor | None = None) -> list[Problem]:
        """As the audit sees it."""
        return verify(
            self.events,
            [self.change],
            self.steps,
            head=head,
            approvals=self.approvals,
            evidence=self.evidence,
            needed={"c": {}},
            anchor=anchor,
        )


def _utc(seq: int) -> str:
    return (START + timedelta(seconds=seq)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _link(seq: int, kind: str, data: dict[str, Any], before: str, actor: str = "ann") -> EventRow:
    at = _utc(seq)
    payload = json.dumps({"seq": seq, "change": "c", "at": at, "actor": actor, "kind": kind, "data": data})
    return EventRow(seq, "c", at, actor, kind, data, payload, before, sha256((before + payload).encode()).hexdigest())


def _data(kind: Event, draw: Callable[[some.SearchStrategy[Any]], Any]) -> dict[str, Any]:
    if kind.value.startswith("step."):
        return {"ordinal": draw(some.integers(1, 3))}
    if kind is Event.EVIDENCE:
        return {"gate": "expand", "sha256": evidence_sha256(SEEN), "plan_sha256": DIGEST}
    if kind in (Event.APPROVED, Event.REJECTED):
        decision = "approve" if kind is Event.APPROVED else "reject"
        bound = {"plan_sha256": DIGEST, "evidence_sha256": "e", "reason": "r", "expires_at": _utc(99_999)}
        return {"gate": "expand", "decision": decision, **bound}
    return {"plan_sha256": DIGEST, "gate": "expand", "reason": "r"}


@some.composite
def registries(draw: Callable[[some.SearchStrategy[Any]], Any]) -> Held:
    """A Registry after a random walk through the machine."""
    events = [_link(1, Event.SUBMITTED.value, {"plan_sha256": DIGEST}, GENESIS)]
    folded = apply(None, Event.SUBMITTED, events[0].data)
    moments: dict[str, Any] = {}
    hold: Hold | None = None
    for seq in range(2, draw(some.integers(2, 14)) + 2):
        kind = draw(some.sampled_from([event for state, event in TRANSITIONS if state is folded.state]))
        data = _data(kind, draw)
        events.append(_link(seq, kind.value, data, events[-1].sha256))
        was, folded = folded.state, apply(folded, kind, data)
        at = START + timedelta(seconds=seq)
        if folded.state is not was and folded.state in MOMENTS:
            moments[MOMENTS[folded.state]] = at
        if kind in (Event.HELD, Event.RESUMED):
            hold = Hold("r", "ann", at) if kind is Event.HELD else None
    return Held(tuple(events), _change(folded, hold, moments), _steps(folded), _said(events), _taken(events))


def _change(folded: Folded, hold: Hold | None, moments: dict[str, Any]) -> ChangeRow:
    asked = GateName(folded.requested) if folded.requested else None
    row = ChangeRow("c", "t", "shop", "", {}, PLAN, DIGEST, folded.state, folded.version, "ann", START, START)
    return replace(row, hold=hold, requested=asked, **moments)


def _steps(folded: Folded) -> tuple[StepRow, ...]:
    found = {ordinal: folded.steps.get(ordinal, StepStatus.PENDING) for ordinal in (1, 2, 3)}
    return tuple(StepRow("c", n, f"c:{n}", "expand", "add_column", "", {}, status) for n, status in found.items())


def _said(events: Sequence[EventRow]) -> tuple[Approval, ...]:
    spoken = [event for event in events if event.kind.startswith("gate.")]
    return tuple(
        Approval(n, "c", GateName.EXPAND, event.data["decision"], "ann", DIGEST, "e", "r",
                 datetime.fromisoformat(event.at), datetime.fromisoformat(_utc(99_999)))
        for n, event in enumerate(spoken, 1)
    )  # fmt: skip


def _taken(events: Sequence[EventRow]) -> tuple[Evidence, ...]:
    taken = [event for event in events if event.kind == Event.EVIDENCE.value]
    digest = evidence_sha256(SEEN)
    return tuple(
        Evidence("c", GateName.EXPAND, DIGEST, digest, SEEN, datetime.fromisoformat(event.at)) for event in taken
    )


def _head(held: Held) -> tuple[int, str]:
    return held.events[-1].seq, held.events[-1].sha256


@given(registries())
def test_what_the_machine_wrote_verifies(held: Held) -> None:
    assert held.problems(_head(held)) == []


@given(registries(), some.data())
def test_an_event_removed_repeated_or_moved_is_found(held: Held, data: some.DataObject) -> None:
    events = list(held.events)
    at, to = data.draw(some.integers(0, len(events) - 1)), data.draw(some.integers(0, len(events) - 1))
    how = data.draw(some.sampled_from(["remove", "repeat", "move"]))
    taken = events[at] if how == "repeat" else events.pop(at)
    if how != "remove":
        events.insert(to, taken)
    assume(tuple(events) != held.events)
    assert replace(held, events=tuple(events)).problems(_head(held))


FIELDS = ("seq", "change_id", "at", "actor", "kind", "data", "payload", "prev_sha256", "sha256")


@given(registries(), some.data())
def test_an_event_edited_is_found_even_if_it_is_hashed_anew(held: Held, data: some.DataObject) -> None:
    at = data.draw(some.integers(0, len(held.events) - 1))
    event = held.events[at]
    if data.draw(some.booleans()):
        edited = _link(event.seq, event.kind, {**event.data, "more": data.draw(some.text())}, event.prev_sha256)
    else:
        name = data.draw(some.sampled_from(FIELDS))
        old = getattr(event, name)
        other: Any = old + 1 if name == "seq" else {**old, "more": 1} if name == "data" else old + "x"
        edited = replace(event, **{name: other})
    events = (*held.events[:at], edited, *held.events[at + 1 :])
    assert replace(held, events=events).problems(_head(held))


@given(registries(), some.data())
def test_an_event_inserted_is_found_even_if_all_after_it_are_hashed_anew(held: Held, data: some.DataObject) -> None:
    """The whole chain recomputed, head and all, is sound by itself: only an anchor kept outside tells."""
    at = data.draw(some.integers(1, len(held.events) - 1))
    forged = list(held.events[:at])
    for kind, facts in [("lease.acquired", {"owner": "nobody"}), *((e.kind, dict(e.data)) for e in held.events[at:])]:
        forged.append(_link(len(forged) + 1, kind, facts, forged[-1].sha256))
    after = replace(held, events=tuple(forged))
    assert after.problems(_head(held))
    assert after.problems((forged[-1].seq, forged[-1].sha256), Anchor(*_head(held), _utc(0), {}))


def _rows(held: Held) -> list[Held]:
    """Every row that the history explains, changed in one place, taken away or doubled."""
    change = held.change
    others = [
        replace(change, state=State.ABORTED if change.state is not State.ABORTED else State.PLANNED),
        replace(change, version=change.version + 1),
        replace(change, plan={"steps": [1]}),
        replace(change, requester="eve"),
        replace(change, hold=None if change.hold else Hold("r", "eve", START)),
        replace(change, hold=replace(change.hold, reason="another") if change.hold else Hold("", "eve", START)),
        replace(change, requested=None if change.requested else GateName.PURGE),
        replace(change, switched_at=START - timedelta(days=1)),
        replace(change, contracted_at=START - timedelta(days=1)),
    ]
    found = [replace(held, change=other) for other in others]
    for n, step in enumerate(held.steps):
        status = StepStatus.DONE if step.status is not StepStatus.DONE else StepStatus.UNDONE
        found.append(replace(held, steps=(*held.steps[:n], replace(step, status=status), *held.steps[n + 1 :])))
    for n, said in enumerate(held.approvals):
        rest = (*held.approvals[:n], *held.approvals[n + 1 :])
        later = replace(said, expires_at=said.expires_at + timedelta(days=1))
        wrong = (replace(said, approver="eve"), later, replace(said, at=said.at + timedelta(days=1)))
        found += [replace(held, approvals=(*rest, *more)) for more in ((), (said, said), *((each,) for each in wrong))]
    for n, taken in enumerate(held.evidence):
        rest_of = (*held.evidence[:n], *held.evidence[n + 1 :])
        lie = replace(taken, findings=(replace(SEEN[0], verdict=Verdict.FAIL),))
        found += [replace(held, evidence=(*rest_of, *more)) for more in ((), (taken, taken), (lie,))]
    return found


@given(registries())
def test_a_row_beside_the_history_changed_in_any_place_is_found(held: Held) -> None:
    for changed in _rows(held):
        assert changed.problems(_head(held)), changed
