"""Rates, bars and times as operators read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.numbers import age_text, bar, count_text, eta_text, fraction, percent_text, rate_text, server_text

numbers = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.integers(-5, 10**15))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (-1, "-"),
        (float("nan"), "-"),
        (float("inf"), "-"),
        (0, "0s"),
        (44.2, "45s"),
        (59.5, "1m"),
        (860, "14m"),
        (10200, "2h50m"),
        (3600, "1h00m"),
        (86400 * 3 + 3600 * 4, "3d4h"),
        (1e12, ">99d"),
    ],
)
def test_an_arrival_time_is_short_and_never_made_up(seconds: float | None, text: str) -> None:
    assert eta_text(seconds) == text


@given(numbers)
def test_arrival_times_and_rates_fit_their_columns(value: float | None) -> None:
    assert len(eta_text(value)) <= 6
    assert cell_len(rate_text(value)) <= 9


def test_counts_floor() -> None:
    assert count_text(947) == "947"
    assert count_text(18_499) == "18.4k"
    assert count_text(31_699_999) == "31.6M"
    assert rate_text(2100.0) == "2.1k/s"
    assert rate_text(None) == "-"


def test_an_age_has_tenths_only_while_it_is_young() -> None:
    assert [age_text(a) for a in (0.37, 17.9, 248, 7500)] == ["0.3s", "17s", "4m", "2h05m"]
    assert age_text(float("inf")) == "never"


def test_a_bar_floors_so_that_a_full_one_means_done() -> None:
    assert bar(0.976, 8) == "███████░"
    assert bar(0.999, 8) == "███████░"
    assert bar(1.0, 8) == "████████"
    assert bar(0.0, 4) == "░░░░"


def test_an_estimate_that_is_reached_is_not_yet_done() -> None:
    assert fraction(120, 100) == 0.999
    assert percent_text(fraction(120, 100) or 0) == "99.9%"
    assert fraction(100, 100, over=True) == 1.0
    assert fraction(5, None) is None
    assert fraction(0, 0, over=True) == 1.0


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.integers(0, 60))
def test_a_bar_is_as_wide_as_asked_and_never_ahead_of_the_percentage(done: int, total: int, width: int) -> None:
    share = fraction(done, total)
    assert share is not None
    drawn = bar(share, width)
    assert len(drawn) == width
    assert drawn.count("█") <= share * width + 1e-6


def test_a_server_version_reads_as_people_say_it() -> None:
    assert server_text(180004) == "18.4"
    assert server_text(0) == "?"
