"""What stands on the ramp, and for how long, is told by the steps alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core import ramp
from orchestrator.core.compose import ramped
from orchestrator.core.errors import PlanRefused
from orchestrator.core.plan import PlannedStep, Settings
from orchestrator.core.step import SwitchReads
from state.model import StepRow, StepStatus

AT = datetime(2026, 3, 29, 0, 59, tzinfo=UTC)
PENDING, RUNNING, DONE, UNDONE = StepStatus.PENDING, StepStatus.RUNNING, StepStatus.DONE, StepStatus.UNDONE


def _switch(ordinal: int, percent: int, status: StepStatus, after: float = 0.0) -> StepRow:
    definition = {"change_id": "c", "percent": percent, "after": after}
    ended = AT if status is DONE else None
    return StepRow(
        "c", ordinal, f"c:{ordinal}", "switch_reads", "switch_reads", "", definition, status, finished_at=ended
    )


@pytest.mark.parametrize("second", [PENDING, UNDONE])
def test_a_part_stands_as_long_as_it_was_asked_to(second: StepStatus) -> None:
    rows = [_switch(2, 100, PENDING, 60.0), _switch(1, 50, second, 60.0), _switch(0, 10, DONE)]
    assert ramp.standing(rows, AT + timedelta(seconds=59)) == ramp.Rung(10, 50, 1.0)
    assert ramp.standing(rows, AT + timedelta(seconds=60)) is None
    assert str(ramp.standing(rows, AT)) == "reads_new answers true for 10 %; for 50 % in 1m"


@pytest.mark.parametrize(("first", "second"), [(PENDING, PENDING), (RUNNING, PENDING), (DONE, RUNNING), (DONE, DONE)])
def test_nothing_stands_before_it_was_done_or_once_the_next_has_begun(first: StepStatus, second: StepStatus) -> None:
    assert ramp.standing([_switch(1, 10, first), _switch(2, 100, second, 60.0)], AT) is None


def test_a_plan_made_before_there_were_ramps_has_none() -> None:
    old = StepRow("c", 1, "c:1", "switch_reads", "switch_reads", "", {"change_id": "c"}, PENDING)
    assert ramp.standing([old], AT) is None


@given(st.lists(st.integers(1, 99), unique=True).map(sorted), st.floats(0.1, 1e6))
def test_the_parts_lead_from_nobody_to_everybody(percentages: list[int], each: float) -> None:
    switch = PlannedStep("switch_reads", SwitchReads("c"), "everybody")
    settings = Settings("c", 0.0, ramp=tuple(percentages), each=each)
    parts = [planned.step for planned in ramped([switch], settings)]
    assert all(isinstance(part, SwitchReads) for part in parts)
    found = [(part.before, part.percent, part.after) for part in parts if isinstance(part, SwitchReads)]
    ends = [0, *percentages, 100]
    assert [(before, percent) for before, percent, _ in found] == list(pairwise(ends))
    assert [after for *_, after in found] == [0.0, *(each for _ in percentages)]


def test_a_ramp_needs_reads_that_switch() -> None:
    with pytest.raises(PlanRefused, match="no reads to switch"):
        list(ramped([], Settings("c", 0.0, ramp=(10,), each=1.0)))
