"""The Status says why an operator should look, and its JSON is the interface of design §4."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from orchestrator.core.gate import GateStatus, Requirement
from orchestrator.core.status import Attention, LeaseView, Status
from state.machine import GATE_AHEAD, TERMINAL, WORKING
from state.model import BackfillRow, GateName, Hold, State, StepRow, StepStatus, Verdict

NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)
READY = GateStatus(GateName.EXPAND, True, (Requirement("approval", "approvals", Verdict.PASS, "1 of 1"),), "e")
CLOSED = GateStatus(
    GateName.CONTRACT,
    False,
    (
        Requirement("check", "shapes_agree", Verdict.FAIL, "1 rows differ: id=5"),
        Requirement("soak", "soak", Verdict.UNKNOWN, "5m left of 1h"),
    ),
    "e",
)
LEASE = LeaseView("cli@host:1", 3, 29.96)
RUNNING = StepRow("c", 2, "c:p:2", "backfill", "backfill", "fill it", {}, StepStatus.RUNNING, 1, None, 3, NOW, None)
BACKFILL = BackfillRow("c", 2, "public.orders", 10, 100, 5.0, 18.0, None, NOW)
PLANNED = Status("c", "T", "shop", State.PLANNED, 4, "bob", "p", NOW)


def status(**changes: object) -> Status:
    """The planned Status with some fields changed."""
    return replace(PLANNED, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "attention", "why"),
    [
        (status(gate=READY), "QUEUED", "ready for expand"),
        (status(gate=CLOSED), "GATE", "fail: 1 rows differ: id=5; 5m left of 1h"),
        (status(), "QUEUED", "waits for the next advance"),
        (
            status(state=State.SWITCHED, gate=replace(READY, phase=GateName.CONTRACT)),
            "QUEUED",
            "orch advance c starts contract",
        ),
        (status(state=State.BACKFILLING), "QUEUED", "nobody runs it: orch advance c"),
        (status(state=State.BACKFILLING, lease=LEASE, steps=(RUNNING,)), "RUN", "fill it"),
        (status(state=State.BACKFILLING, steps=(replace(RUNNING, error="boom"),)), "FAILED", "step 2: boom"),
        (
            status(state=State.BACKFILLING, lease=LEASE, steps=(replace(RUNNING, error="boom"),)),
            "BLOCKED",
            "step 2: boom",
        ),
        (
            status(
                state=State.BACKFILLING, lease=LEASE, steps=(RUNNING,), backfills=(replace(BACKFILL, throttle="lag"),)
            ),
            "THROTTLE",
            "fill it",
        ),
        (status(state=State.BACKFILLING, lease=LEASE, hold=Hold("lunch", "ann", NOW)), "PAUSED", "held by ann: lunch"),
        (status(state=State.COMPLETED, hold=Hold("lunch", "ann", NOW)), "DONE", "completed"),
        (status(state=State.ABORTED), "DONE", "aborted"),
    ],
)
def test_attention_and_why(given: Status, attention: str, why: str) -> None:
    assert given.attention.value == attention
    assert why in given.why


@pytest.mark.parametrize("state", State)
def test_every_state_has_a_word_and_a_sentence(state: State) -> None:
    found = status(state=state, gate=replace(READY, phase=GATE_AHEAD[state]) if state in GATE_AHEAD else None)
    assert found.attention in Attention
    assert found.why
    assert (found.attention is Attention.DONE) is (state in TERMINAL)
    assert found.failed_step is None
    assert state in TERMINAL or state in WORKING or state in GATE_AHEAD


def test_the_shape_of_the_json() -> None:
    """Fields may be added, never renamed or removed."""
    full = status(
        state=State.BACKFILLING,
        lease=LEASE,
        hold=Hold("r", "ann", NOW),
        gate=CLOSED,
        steps=(RUNNING,),
        backfills=(BACKFILL,),
    ).to_json()
    assert json.loads(json.dumps(full)) == full
    assert full.keys() >= {
        "change", "title", "target", "state", "version", "hold", "lease", "plan_sha256", "evidence_sha256", "gate", "steps",
        "backfills",
    }  # fmt: skip
    assert full["gate"] == {
        "phase": "contract",
        "ready": False,
        "spoken_for": [],
        "requirements": [
            {"kind": "check", "name": "shapes_agree", "verdict": "fail", "detail": "1 rows differ: id=5"},
            {"kind": "soak", "name": "soak", "verdict": "unknown", "detail": "5m left of 1h"},
        ],
    }
    assert full["steps"] == [
        {
            "ordinal": 2,
            "phase": "backfill",
            "kind": "backfill",
            "description": "fill it",
            "status": "running",
            "attempt": 1,
            "error": None,
        }
    ]
    assert full["backfills"] == [
        {
            "table": "public.orders",
            "rows_done": 10,
            "rows_total": 100,
            "rows_per_second": 5.0,
            "eta_seconds": None,
            "throttle": None,
            "eta_low_seconds": None,
            "eta_high_seconds": None,
            "eta_note": "held by ann: r",
            "duty": None,
            "lanes": None,
            "reasons": [],
            "control": {},
        }
    ]
    assert (full["state"], full["version"], full["evidence_sha256"]) == ("backfilling", 4, "e")
    assert full["lease"] == {"owner": "cli@host:1", "fence": 3, "seconds_left": 30.0, "seconds_held": 0.0}
    assert full["hold"] == {"reason": "r", "actor": "ann", "at": NOW.isoformat()}


def test_what_nobody_runs_has_no_eta() -> None:
    """Whatever its worker said last; what runs has the range it said."""
    row = replace(BACKFILL, eta_low_seconds=9.0, eta_high_seconds=30.0)
    (runs,) = status(state=State.BACKFILLING, lease=LEASE, backfills=(row,)).to_json()["backfills"]
    assert (runs["eta_seconds"], runs["eta_low_seconds"], runs["eta_high_seconds"]) == (18.0, 9.0, 30.0)
    assert runs["eta_note"] is None
    (stands,) = status(state=State.BACKFILLING, backfills=(row,)).to_json()["backfills"]
    assert (stands["eta_seconds"], stands["eta_low_seconds"], stands["eta_high_seconds"]) == (None, None, None)
    assert stands["eta_note"] == "nobody runs it"


def test_a_list_has_no_steps_and_absent_things_are_null() -> None:
    short = PLANNED.to_json(steps=False)
    assert "steps" not in short
    assert "backfills" not in short
    assert [short[name] for name in ("hold", "lease", "gate", "evidence_sha256")] == [None] * 4
