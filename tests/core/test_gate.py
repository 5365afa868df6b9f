"""A gate is judged from facts alone, and the worst of what is missing gives the exit code."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.errors import OrchError
from orchestrator.core.gate import EVIDENCE_MAX_AGE, GateFacts, GatePolicy, GateStatus, differences, judge, refusal
from state.digest import evidence_sha256
from state.model import Approval, Evidence, Finding, GateName, Hold, Verdict

NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)  # a Tuesday


def said(approver: str, decision: str = "approve", reason: str | None = None) -> Approval:
    """A person's word."""
    return Approval(1, "c", GateName.CONTRACT, decision, approver, "p", "e", reason, NOW, NOW + timedelta(days=1))


def seen(*verdicts: Verdict, age: timedelta = timedelta(0), plan: str = "p") -> Evidence:
    """Evidence with a finding for each verdict."""
    findings = tuple(Finding(f"check{at}", "", verdict, detail=f"detail {at}") for at, verdict in enumerate(verdicts))
    return Evidence("c", GateName.CONTRACT, plan, "e", findings, NOW - age)


OPEN = GateFacts(
    gate=GateName.CONTRACT,
    policy=GatePolicy(1, 60.0, "tue 09:00-16:00"),
    plan_sha256="p",
    evidence_sha256="e",
    evidence=seen(Verdict.PASS),
    checks_expected=True,
    approvals=(said("ann"),),
    rejection=None,
    void=0,
    requester="bob",
    since=NOW - timedelta(seconds=61),
    hold=None,
    now=NOW,
)
MISSING: dict[str, tuple[int, dict[str, Any]]] = {
    "stale": (6, {"approvals": (), "void": 1}),
    "failed": (4, {"evidence": seen(Verdict.FAIL)}),
    "unknown": (4, {"evidence": seen(Verdict.UNKNOWN)}),
    "unseen": (4, {"evidence": None}),
    "unapproved": (3, {"approvals": ()}),
    "soaking": (3, {"since": NOW}),
    "closed": (3, {"now": NOW + timedelta(hours=4), "evidence": seen(Verdict.PASS, age=timedelta(hours=-4))}),
    "held": (3, {"hold": Hold("lunch", "ann", NOW)}),
}


def _refusal(status: GateStatus) -> OrchError:
    return refusal("c", status)


def test_an_open_gate_says_what_it_has() -> None:
    status = judge(OPEN)
    assert status.ready
    assert status.missing == ()
    assert [need.kind for need in status.requirements] == ["check", "approval", "soak", "window"]
    assert status.evidence_sha256 == "e"


def test_differences_between_two_looks_are_named() -> None:
    before = (
        Finding("a", "d", Verdict.PASS),
        Finding("b", "d", Verdict.PASS),
        Finding("c", "d", Verdict.UNKNOWN),
        Finding("e", "d", Verdict.FAIL, 1, ("id=1",)),
        Finding("f", "d", Verdict.PASS),
        Finding("g", "d", Verdict.FAIL, 2, ("id=1", "id=2")),
    )
    after = (
        Finding("b", "d", Verdict.FAIL, 3),
        Finding("c", "d", Verdict.PASS),
        Finding("e", "d", Verdict.FAIL, 1, ("id=2",)),
        Finding("f", "d", Verdict.PASS, detail="in other words", seconds=9.0),
        Finding("g", "d", Verdict.FAIL, 2, ("id=2", "id=1")),
        Finding("h", "d", Verdict.UNKNOWN),
    )
    was, now = (replace(seen(), findings=found) for found in (before, after))
    assert differences(was, now) == (
        "a is no longer asked",
        "b 0 → 3",
        "c unknown → pass",
        "e means other things than before",
        "h is new: unknown",
    )


@given(
    st.lists(
        st.builds(Finding, st.sampled_from("ab"), st.just("d"), st.sampled_from(Verdict), st.integers(0, 2)), max_size=4
    )
)
def test_what_differs_has_another_digest_and_what_does_not_the_same(findings: list[Finding]) -> None:
    unique = tuple({found.name: found for found in findings}.values())
    was, now = replace(seen(), findings=(Finding("a", "d", Verdict.PASS),)), replace(seen(), findings=unique)
    assert bool(differences(was, now)) == (evidence_sha256(was.findings) != evidence_sha256(unique))


@pytest.mark.parametrize("name", MISSING)
def test_each_thing_that_is_missing_closes_the_gate_with_its_exit_code(name: str) -> None:
    code, change = MISSING[name]
    status = judge(replace(OPEN, **change))
    assert not status.ready
    assert len(status.missing) == 1
    error = _refusal(status)
    assert error.exit_code == code
    assert status.missing[0].detail in error.message
    assert error.next_step


@pytest.mark.parametrize(("one", "other"), [*itertools.combinations(MISSING, 2)])
def test_of_two_things_the_graver_gives_the_exit_code(one: str, other: str) -> None:
    """7, 6, 4, 5, 3; a gate itself knows 6, 4 and 3."""
    (first, change), (second, more) = MISSING[one], MISSING[other]
    if change.keys() & more.keys():
        return
    error = _refusal(judge(replace(OPEN, **change, **more)))
    assert error.exit_code == max(first, second)


def test_evidence_of_another_plan_or_too_old_is_none() -> None:
    for evidence in (seen(Verdict.PASS, plan="q"), seen(Verdict.PASS, age=EVIDENCE_MAX_AGE + timedelta(seconds=1))):
        (need,) = judge(replace(OPEN, evidence=evidence)).missing
        assert (need.kind, need.verdict) == ("check", Verdict.UNKNOWN)
        assert "verify" in need.detail
    assert judge(replace(OPEN, evidence=seen(Verdict.PASS, age=EVIDENCE_MAX_AGE))).ready


def test_a_gate_without_checks_asks_for_no_evidence() -> None:
    assert judge(replace(OPEN, evidence=None, checks_expected=False)).ready


@pytest.mark.parametrize(
    ("asked", "people", "enough"),
    [
        (0, [], True),
        (1, [], False),
        (1, ["bob"], True),  # self-approved, and shown as such
        (2, ["ann", "cid"], True),
        (2, ["ann", "bob"], False),  # the requester does not count
        (2, ["ann", "ann"], False),
        (2, ["bob", "ann", "cid"], True),
        (3, ["ann", "cid", "bob"], False),
    ],
)
def test_approvals_are_counted_by_distinct_people(asked: int, people: Sequence[str], enough: bool) -> None:
    facts = replace(OPEN, policy=GatePolicy(asked), approvals=tuple(map(said, people)))
    status = judge(facts)
    assert status.ready is enough
    if asked == 1 and people:
        assert "bob (self-approved)" in status.requirements[-1].detail
    told = "bob requested it and does not count" in " ".join(need.detail for need in status.missing)
    assert told is (asked >= 2 and not enough), "who may not is said while somebody is missing"


@pytest.mark.parametrize(
    ("asked", "people", "barred"),
    [(0, [], ()), (1, [], ()), (1, ["ann"], ("ann",)), (2, [], ("bob",)), (2, ["ann"], ("bob", "ann"))],
)
def test_whose_approval_would_be_refused_is_known(asked: int, people: Sequence[str], barred: tuple[str, ...]) -> None:
    facts = replace(OPEN, policy=GatePolicy(asked), approvals=tuple(map(said, people)))
    assert judge(facts).spoken_for == barred


def test_a_rejection_is_told_with_its_reason() -> None:
    (need,) = judge(replace(OPEN, approvals=(), rejection=said("cid", "reject", "not today"))).missing
    assert "rejected by cid: not today" in need.detail


def test_soak_that_has_not_begun_or_asks_for_nothing() -> None:
    assert judge(replace(OPEN, since=None)).missing[0].detail == "soak has not begun"
    assert judge(replace(OPEN, policy=GatePolicy(1), since=None)).ready
    assert judge(replace(OPEN, since=NOW - timedelta(seconds=60))).ready


def test_a_closed_window_says_when_it_opens() -> None:
    late = NOW.replace(hour=17)  # an hour after it closed; the next tuesday, 09:00 UTC, is 6 days and 16 hours away
    (need,) = [need for need in judge(replace(OPEN, now=late)).requirements if need.kind == "window"]
    assert need.verdict is Verdict.UNKNOWN
    assert need.detail.startswith("closed: tue 09:00-16:00; opens in 6d")
