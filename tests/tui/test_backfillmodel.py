"""The backfill panel: the drawing never overstates, and each number says what it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from state.model import BackfillRow, Hold, State
from tests.tui import strategies as some
from tests.tui.fakes import LEASE, NOW, backfill, status
from tui.backfillmodel import BLOCKS, EVERY, KEPT, Rates, Sample, backfill_panel, limit_of, spark
from tui.line import text_of

ROW = backfill(31_604_211, 50_000_000)


def shown(row: BackfillRow, samples: Sequence[Sample] = (), *, width: int = 100, live: bool = True) -> str:
    return "\n".join(text_of(made).rstrip() for made in backfill_panel(row, width, live, False, samples))


def test_a_constant_rate_at_its_limit_is_full_and_half_of_it_is_half() -> None:
    assert spark([10.0, 10.0], 10.0, 2) == ["██", "██"]
    assert spark([5.0, 0.0, None], 10.0, 3) == ["   ", "█  "]


def test_the_newest_stands_at_the_right_and_the_oldest_fall_out() -> None:
    assert spark([1.0, 2.0, 4.0, 8.0], 8.0, 2, rows=1) == ["▄█"]
    assert spark([8.0], 8.0, 3, rows=1) == ["  █"]


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=20), st.floats(1e-3, 1e9), st.integers(1, 3))
def test_the_drawing_floors_and_shows_whatever_moves(values: list[float], top: float, rows: int) -> None:
    drawn = spark(values, top, len(values), rows)
    for at, value in enumerate(values):
        level = sum(BLOCKS.index(line[at]) for line in drawn)
        assert (level == 0) == (value <= 0)
        assert level <= max(1, math.floor(min(value / top, 1) * 8 * rows + 1e-6))
        assert level < 8 * rows or value >= top * (1 - 1e-9)


def test_the_limit_is_what_it_would_do_without_rest_in_all_lanes() -> None:
    assert limit_of(replace(ROW, rows_per_second=100.0, duty=0.5, lanes=1, control={"lanes": 4})) == 800.0
    assert limit_of(replace(ROW, rows_per_second=100.0, duty=1.0, lanes=4, control={"lanes": 2})) == 100.0
    assert limit_of(replace(ROW, duty=0.0)) is None
    assert limit_of(replace(ROW, rows_per_second=None)) is None


def test_rate_limit_duty_lanes_and_the_range_of_the_eta_are_told() -> None:
    told = shown(ROW)
    assert "31.6M of ~50.0M rows" in told
    assert "ETA 14m (12m to 19m)  rate 18.4k/s of at most ~23.0k/s  duty 80.0%  lanes 1 of 1" in told
    assert "held to: statement_time 100ms, max_replica_lag 5s, lanes 1" in told


def test_every_reason_is_named_with_its_scale() -> None:
    reasons = (
        {"signal": "replica_lag", "effect": "slow", "scale": 0.83, "detail": "standby b lags 4.2s"},
        {"signal": "vacuum", "effect": "stop", "scale": None, "detail": "cannot be read"},
    )
    told = shown(replace(ROW, reasons=reasons))
    assert "◷ slow replica_lag 0.83  standby b lags 4.2s" in told
    assert "✖ stop vacuum  cannot be read" in told


def test_what_held_it_back_last_is_remembered() -> None:
    samples = [Sample(NOW - timedelta(minutes=1), 5.0, "lag 3s"), Sample(NOW, 9.0, None)]
    assert "throttle: none; last at 14:01:31Z: lag 3s" in shown(ROW, samples)


def test_nothing_is_drawn_or_promised_while_nothing_is_heard() -> None:
    told = shown(ROW, [Sample(NOW, 5.0, None)] * 3, live=False)
    assert "rate -" in told
    assert "ETA -" in told
    assert "█▁" not in told


def test_samples_are_taken_once_a_second_and_only_of_what_runs() -> None:
    runs = status("a", State.BACKFILLING, lease=LEASE, backfills=(ROW,))
    held = replace(runs, change="b", hold=Hold("x", "y", NOW))
    rates = Rates()
    for tenth in range(0, 35, 5):
        rates = rates.after(tenth / 10 * EVERY, NOW, [runs, held])
    assert [sample.rate for sample in rates.of("a", 3)] == [18400.0] * 4
    assert rates.of("b", 3) == ()
    assert rates.after(99.0, NOW, [held]).of("a", 3) == ()


def test_samples_do_not_grow_without_end() -> None:
    runs, rates = status("a", State.BACKFILLING, lease=LEASE, backfills=(ROW,)), Rates()
    for second in range(KEPT + 50):
        rates = rates.after(float(second), NOW, [runs])
    assert len(rates.of("a", 3)) == KEPT


@pytest.mark.parametrize("over", [True, False])
@settings(max_examples=100, deadline=None)
@given(some.backfills, some.widths, st.booleans(), st.lists(some.samples, max_size=5))
def test_every_line_is_exactly_as_wide_as_the_screen(
    over: bool, row: BackfillRow, width: int, live: bool, samples: list[Sample]
) -> None:
    assert {cell_len(text_of(made)) for made in backfill_panel(row, width, live, over, samples)} == {width}
