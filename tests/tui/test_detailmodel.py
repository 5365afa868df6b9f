"""One change in full, as lines; and what is said before something is asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from orchestrator.core.status import Status
from orchestrator.core.view import StepView
from state.machine import GATE_AHEAD, TERMINAL
from state.model import EventRow, GateName, Hold, Rehearsed, State, StepStatus
from tests.tui import strategies as some
from tests.tui.fakes import LEASE, NOW, PLAN, STEPS, VIEWS, at_gate, backfill, events, fleet, status, step
from tui.detailmodel import detail_lines, sql_lines, told
from tui.intent import EFFECTS, INTENTS, impossible, intent_lines, moved
from tui.line import Line, text_of

CONTRACT = at_gate("orders-customer-email", State.SWITCHED, GateName.CONTRACT)


def text(lines: list[Line]) -> str:
    return "\n".join(text_of(made).rstrip() for made in lines)


def test_the_detail_tells_gate_evidence_approvals_steps_and_history() -> None:
    shown = text(detail_lines(CONTRACT, 80, NOW, events()))
    assert "expand ✔ > backfill ✔ > switch_reads ✔ > contract ‖" in shown
    assert "GATE contract: 2 of 3 pass" in shown
    assert "evidence 9f31c2aa77d0  gate contract  1 check  48s ago" in shown
    assert 'db1 approved contract 1m ago "diff clean"  expires in 23h00m' in shown
    assert "attempt 2" in shown
    assert shown.index("14:01:12") < shown.index("13:02:12") < shown.index("11-19 13:02:10")


def test_a_failed_step_shows_its_error() -> None:
    failed = step(2, "expand", "add constraint", status=StepStatus.RUNNING, attempt=5, error="lock timeout")
    shown = text(detail_lines(status("c", State.EXPANDING, steps=(failed,)), 80, NOW))
    assert "✖  2 expand" in shown
    assert "attempt 5" in shown
    assert "error: lock timeout" in shown


def test_a_backfill_shows_rows_bar_rate_arrival_and_throttle() -> None:
    rows = backfill(31_604_211, 50_000_000, throttle="replica lag 3.4s > 2.0s")
    change = status("c", State.BACKFILLING, backfills=(rows,), lease=LEASE, steps=STEPS)
    shown = text(detail_lines(change, 80, NOW))
    assert "orders  31.6M of ~50.0M rows  ████████████░░░░░░░░ 63.2%" in shown
    assert "ETA 14m (12m to 19m)  rate 18.4k/s of at most ~23.0k/s" in shown
    assert "throttle: replica lag 3.4s > 2.0s" in shown
    assert "ETA -" in text(detail_lines(change, 80, NOW, live=False))


def test_what_nobody_works_on_has_no_arrival() -> None:
    rows = backfill(31_604_211, 50_000_000)
    shown = text(detail_lines(status("c", State.BACKFILLING, backfills=(rows,), steps=STEPS), 80, NOW))
    assert "ETA - (nobody runs it)" in shown


def test_rejected_rows_and_requests_are_told() -> None:
    change = status("c", State.SWITCHED, rejected_rows=3, requested=GateName.CONTRACT, lease=LEASE)
    shown = text(detail_lines(change, 80, NOW))
    assert "3 rejected rows" in shown
    assert "a worker was asked to run contract" in shown
    assert "run by worker-1, fence 7" in shown


def test_facts_of_an_event_are_short() -> None:
    facts = {"sha256": "a" * 64, "reason": "why", "list": [1], "gone": None, "ordinal": 3}
    assert told(facts) == f'ordinal 3  "why"  sha256 {"a" * 12}'


def test_sql_is_shown_in_full_with_lock_and_undo() -> None:
    shown = text(sql_lines(VIEWS, 60))
    joined = " ".join(shown.split())
    assert "ALTER TABLE public.orders RENAME COLUMN email TO" in joined
    assert "lock ACCESS EXCLUSIVE on public.orders; no scan" in joined
    assert "undo ALTER TABLE public.orders RENAME COLUMN _orch_parked_email TO email" in joined
    gone = text(sql_lines((replace(VIEWS[0], undo=(), undo_note="data is gone"),), 60))
    assert "undo none: data is gone" in gone
    assert "nothing is left to run" in text(sql_lines((), 60))


def test_every_gate_says_its_effect() -> None:
    assert set(EFFECTS) == set(GateName)
    for state, name in GATE_AHEAD.items():
        intent = INTENTS["approve"](status("c", state))
        assert intent.effect == EFFECTS[name]
        assert intent.typed is (name in (GateName.CONTRACT, GateName.PURGE))


@pytest.mark.parametrize("state", list(State))
def test_each_request_is_possible_or_says_why_not(state: State) -> None:
    change = status("c", state, gate=CONTRACT.gate)
    possible = {verb for verb in INTENTS if not impossible(verb, change)}
    if state in TERMINAL:
        assert possible == set()
        return
    assert ("approve" in possible) is (state in GATE_AHEAD)
    assert "pause" in possible
    assert "resume" not in possible
    assert ("undo" in possible) is (state in (State.SWITCHED, State.CONTRACTED))


def test_a_gate_without_steps_has_nothing_to_approve() -> None:
    assert "no step waits" in impossible("approve", status("c", State.EXPANDED))
    assert impossible("advance", status("c", State.EXPANDED)) == ""


def test_abort_is_over_once_contract_began() -> None:
    assert "abort is over; u undoes" in impossible("abort", status("c", State.CONTRACTED))
    assert impossible("abort", status("c", State.SWITCHED)) == ""
    held = status("c", State.EXPANDED, hold=Hold("lunch", "ana", NOW))
    assert "already held by ana: lunch" in impossible("pause", held)
    assert impossible("resume", held) == ""


def test_consent_is_void_once_version_evidence_or_plan_moved() -> None:
    approve, abort = INTENTS["approve"](CONTRACT), INTENTS["abort"](CONTRACT)
    assert moved(approve, CONTRACT, CONTRACT) == ""
    assert "version changed from 7 to 8" in moved(approve, CONTRACT, replace(CONTRACT, version=8))
    assert moved(abort, CONTRACT, replace(CONTRACT, version=8)) == ""
    assert "plan changed" in moved(abort, CONTRACT, replace(CONTRACT, plan_sha256="other"))
    assert "state changed" in moved(abort, CONTRACT, replace(CONTRACT, state=State.CONTRACTING))
    assert CONTRACT.gate is not None
    other = replace(CONTRACT, gate=replace(CONTRACT.gate, evidence_sha256="1234abcd99"))
    assert "evidence changed from 9f31c2aa to 1234abcd" in moved(approve, CONTRACT, other)
    assert "no longer there" in moved(approve, CONTRACT, None)


def test_abort_says_what_is_reversible() -> None:
    assert "3 steps already begun will be undone" in INTENTS["abort"](CONTRACT).effect
    assert "Reads go back" in INTENTS["abort"](CONTRACT).effect
    assert "Nothing was run yet" in INTENTS["abort"](status("c", State.PLANNED)).effect


@settings(max_examples=150, deadline=None)
@given(some.statuses, st.lists(some.events, max_size=3), st.lists(some.views, max_size=2), some.widths, st.booleans())
def test_every_line_is_exactly_as_wide_as_the_screen(
    change: Status, history: list[EventRow], views: list[StepView], width: int, live: bool
) -> None:
    lines = detail_lines(change, width, NOW, history, live)
    for make in INTENTS.values():
        lines += intent_lines(make(change), change, tuple(views), width, NOW)
    assert {cell_len(text_of(made)) for made in lines} == {width}


def test_the_fixed_fleet_covers_every_attention() -> None:
    assert len({s.attention for s in fleet()}) == 8


def test_evidence_says_how_long_it_still_counts() -> None:
    seen = at_gate("c", State.SWITCHED, GateName.CONTRACT)
    assert seen.evidence is not None
    assert "48s ago, 9m left" in text(detail_lines(seen, 100, NOW))
    old = replace(seen, evidence=replace(seen.evidence, at=NOW - timedelta(minutes=11)))
    assert "11m ago, too old to count" in text(detail_lines(old, 100, NOW))


def test_a_rehearsal_says_what_was_over_its_budget() -> None:
    found = Rehearsed(
        PLAN, "synthetic", 18, 6, 3_000_000, 41.0, 87.0, 30.0, 0, ("step 4: lock held 900 ms",), 0, "dev", NOW
    )
    shown = text(detail_lines(status("c", State.PLANNED, rehearsed=found), 120, NOW))
    assert "rehearsed on a synthetic copy of 3,000,000 rows" in shown
    assert "✖ over budget: step 4: lock held 900 ms" in shown


def test_the_plan_says_what_is_not_known_of_a_table() -> None:
    shown = text(sql_lines([replace(VIEWS[0], rows=None, bytes=None)], 100))
    assert "time instant: the catalog only; how large public.orders is, is not known" in shown
    assert "time" not in text(sql_lines([replace(VIEWS[0], expected="")], 100))
