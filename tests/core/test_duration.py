"""Durations and windows decide when production is touched."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.duration import seconds, window, words

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("100ms", 0.1), ("5s", 5), ("2m", 120), ("2min", 120), ("24h", 86400), ("7d", 604800), ("1w", 604800), ("0", 0),
     ("1h30m", 5400), ("1h 30m", 5400), ("1.5h", 5400), (" 3s ", 3), (0, 0), ("0s", 0)],
)  # fmt: skip
def test_durations_as_people_write_them(text: str | int, expected: float) -> None:
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text", ["", " ", "5", "5x", "s", "-5s", "1h-", "5 apples", "1e3s", 5, 1.5, "½h", "s5", "nan", math.nan]
)
def test_what_is_no_duration_says_how_to_write_one(text: str | float) -> None:
    with pytest.raises(ValueError, match="write for example"):
        seconds(text)


@given(st.integers(0, 400 * 86400))
def test_words_are_a_duration_that_never_overstates(value: int) -> None:
    said = seconds(words(value))
    assert said <= value
    assert value - said < max(1, value / 23)  # two units at most


@given(
    st.lists(st.tuples(st.integers(0, 999), st.sampled_from(["ms", "s", "m", "h", "d", "w"])), min_size=1, max_size=4)
)
def test_parts_add_up(parts: list[tuple[int, str]]) -> None:
    assert seconds("".join(f"{n}{unit}" for n, unit in parts)) == pytest.approx(
        sum(seconds(f"{n}{u}") for n, u in parts)
    )


def at(text: str) -> datetime:
    """A moment of the first week of June 2026, as Berlin's clocks show it: ``tue 12:00``."""
    day, clock = text.split()
    number = 1 + ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].index(day)  # 2026-06-01 is a Monday
    return datetime.fromisoformat(f"2026-06-{number:02}T{clock}").replace(tzinfo=BERLIN)


# On 29 March 02:00 becomes 03:00 in Berlin, so half past two never is; on 25 October 03:00 becomes 02:00, so it is twice.
@pytest.mark.parametrize(
    ("text", "now", "opens"),
    [
        ("02:30-04:00 Europe/Berlin", "2026-03-29T00:00+00:00", "2026-03-29T01:00+00:00"),
        ("02:10-02:50 Europe/Berlin", "2026-03-29T00:00+00:00", "2026-03-30T00:10+00:00"),
        ("sun 02:10-02:50 Europe/Berlin", "2026-03-29T00:00+00:00", "2026-04-05T00:10+00:00"),
        ("02:30-04:00 Europe/Berlin", "2026-10-25T00:00+00:00", "2026-10-25T00:30+00:00"),
        ("02:30-04:00 Europe/Berlin", "2026-10-25T01:10+00:00", "2026-10-25T01:30+00:00"),
    ],
)
def test_a_window_opens_when_clocks_are_changed(text: str, now: str, opens: str) -> None:
    found = window(text).opens_at(datetime.fromisoformat(now))
    assert found.astimezone(UTC) == datetime.fromisoformat(opens)


@given(
    st.integers(0, 365 * 86400).map(lambda at: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=at)),
    st.sampled_from(["", "sun ", "mon-thu ", "sat-sun "]),
    st.tuples(st.integers(0, 1439), st.integers(0, 1439)),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    st.lists(st.floats(0, 0.999), max_size=20),
)
def test_a_window_is_closed_until_it_opens(
    now: datetime, days: str, ends: tuple[int, int], zone: str, parts: list[float]
) -> None:
    first, last = (f"{minute // 60:02}:{minute % 60:02}" for minute in ends)
    found = window(f"{days}{first}-{last} {zone}")
    opens = found.opens_at(now).astimezone(UTC)
    assert found.is_open(opens)
    assert all(not found.is_open(now + (opens - now) * part) for part in parts if opens > now)


@pytest.mark.parametrize(
    ("text", "open_at", "closed_at"),
    [
        ("mon-thu 09:00-16:00", ["mon 09:00", "thu 15:59:59", "wed 12:00"], ["mon 08:59:59", "mon 16:00", "fri 12:00"]),
        ("tue 09:00-16:00", ["tue 10:00"], ["mon 10:00", "wed 10:00"]),
        (
            "fri 22:00-04:00",
            ["fri 22:00", "fri 23:59", "sat 03:59:59"],
            ["fri 21:59", "fri 03:00", "sat 04:00", "sat 22:00"],
        ),
        ("sat-mon 22:00-04:00", ["sun 23:00", "mon 01:00", "tue 03:00"], ["sat 03:00", "tue 22:00", "wed 01:00"]),
        ("fri-mon 10:00-11:00", ["sun 10:30", "mon 10:30", "fri 10:30"], ["thu 10:30", "tue 10:30"]),
        ("mon-sun 00:00-00:00", ["mon 00:00", "sun 23:59:59"], []),
        ("sun 00:00-00:00", ["sun 00:00", "sun 23:59"], ["mon 00:00", "sat 23:59"]),
    ],
)
def test_windows_in_the_hours_they_name(text: str, open_at: list[str], closed_at: list[str]) -> None:
    found = window(f"{text} Europe/Berlin")
    assert [moment for moment in open_at if not found.is_open(at(moment).astimezone(UTC))] == []
    assert [moment for moment in closed_at if found.is_open(at(moment).astimezone(UTC))] == []


def test_a_window_keeps_the_clocks_of_its_zone_over_the_change_of_time() -> None:
    nine_to_ten = window("mon-sun 09:00-10:00 Europe/Berlin")
    assert nine_to_ten.is_open(datetime(2026, 3, 28, 8, 30, tzinfo=UTC))  # UTC+1
    assert not nine_to_ten.is_open(datetime(2026, 3, 30, 8, 30, tzinfo=UTC))
    assert nine_to_ten.is_open(datetime(2026, 3, 30, 7, 30, tzinfo=UTC))  # UTC+2


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 1.0), ("2026-10-25", 3.0), ("2026-06-07", 2.0)])
def test_the_hour_that_is_missing_or_comes_twice_shortens_or_lengthens_a_window(day: str, hours: float) -> None:
    found = window("sun 01:30-03:30 Europe/Berlin")
    start = datetime.fromisoformat(f"{day}T00:00:00").replace(tzinfo=BERLIN).astimezone(UTC)
    minutes = [found.is_open(start + timedelta(minutes=minute)) for minute in range(8 * 60)]
    assert sum(minutes) / 60 == hours


@pytest.mark.parametrize(
    ("text", "words"),
    [("always", "not a window"), ("mon 9-16", "not a window"), ("mno 09:00-10:00", "not a day"), ("mon 25:00-26:00", "hour"),
     ("mon 09:00-10:00 Europe/Nowhere", "not a known time zone"), ("mon-xyz 09:00-10:00", "not a day")],
)  # fmt: skip
def test_what_is_no_window_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        window(text)


_times = st.tuples(st.integers(0, 23), st.integers(0, 59))


@given(_times, _times, st.integers(0, 7 * 24 * 60 - 1))
def test_a_window_and_its_complement_share_no_moment(
    opens: tuple[int, int], closes: tuple[int, int], minute: int
) -> None:
    if opens == closes:
        return
    first = f"mon-sun {opens[0]:02}:{opens[1]:02}-{closes[0]:02}:{closes[1]:02}"
    second = f"mon-sun {closes[0]:02}:{closes[1]:02}-{opens[0]:02}:{opens[1]:02}"
    now = datetime(2026, 6, 1, tzinfo=UTC) + timedelta(minutes=minute)
    assert window(first).is_open(now) is not window(second).is_open(now)
