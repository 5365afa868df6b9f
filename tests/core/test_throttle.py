"""The laws of the throttle, over recorded and made-up traces and over whatever hypothesis finds.

``traces.json`` holds readings of a real server, one a second, scaled so that 1.0 stops (``tests/pressure/record.py``): commits
while checkpoints are written, a standby that does not replay for some seconds, sessions that wait for our locks. The short ones
here are made up, each for one thing to be told about it.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from orchestrator.core.throttle import (
    EASY,
    FLOOR,
    FORGET,
    GROWTH,
    LEAST,
    STOP,
    TIGHT,
    UP_REST,
    Drive,
    Effect,
    Pressure,
    Ruling,
    Servo,
    pause,
    ruling,
)

CHECKPOINT = (
    0.02, 0.03, 0.02, 0.05, 0.31, 0.74, 0.66, 0.52, 0.81, 0.44, 0.12, 0.04, 0.03, 0.02, 0.02, 0.03, 0.02, 0.02, 0.03, 0.02,
    0.03, 0.02, 0.02, 0.02, 0.02, 0.03, 0.02, 0.02, 0.02, 0.02,
)  # fmt: skip
LAG = (
    0.0, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.1, 0.7, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
)  # fmt: skip
STORM = (0.0, 0.2, 1.4, 0.0, 2.2, 0.2, 1.0, 0.0, 3.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


RECORDED: dict[str, list[float]] = json.loads((Path(__file__).parent / "traces.json").read_text())
QUIET = [0.0] * 200


def _seen(height: float) -> Ruling:
    return ruling([Pressure("p", height, "it is")])


def _driven(trace: Sequence[float], lanes: int = 1) -> list[Drive]:
    drive, found = Drive(), []
    for height in trace:
        drive = drive.after(_seen(height), lanes)
        found.append(drive)
    return found


# -- rulings ----------------------------------------------------------------------------------------------------------


def test_every_reason_is_named_and_stops_come_first() -> None:
    found = ruling(
        [
            Pressure("calm", 0.2, "calm"),
            Pressure("slow", 0.8, "slow"),
            Pressure("other", 5.0, "otherwise", reshapes=True),
            Pressure("high", 1.0, "high"),
            Pressure("blind", None, "unread"),
        ]
    )
    assert [reason.name for reason in found.reasons] == ["high", "blind", "slow", "other"]
    assert found.stops
    assert found.reshaped
    assert found.words(Effect.STOP, Effect.SLOW) == "high; unread; slow"
    assert [(r["signal"], r["effect"], r["scale"]) for r in found.to_json()] == [
        ("high", "stop", 1.0), ("blind", "stop", None), ("slow", "slow", 0.8), ("other", "reshape", 5.0),
    ]  # fmt: skip


@pytest.mark.parametrize("reshapes", [False, True])
@pytest.mark.parametrize("scale", [None, math.nan])
def test_what_cannot_be_read_stops(scale: float | None, reshapes: bool) -> None:
    assert ruling([Pressure("p", scale, "?", reshapes)]).stops


def test_what_reshapes_neither_stops_nor_slows() -> None:
    found = ruling([Pressure("p", 50.0, "old", reshapes=True)])
    assert (found.stops, found.height, found.words(Effect.STOP, Effect.SLOW)) == (False, 0.0, None)


def test_nothing_stands_against_no_pressure() -> None:
    assert ruling([]) == Ruling()
    assert not ruling([Pressure("p", 0.69, "")]).reasons


# -- the servo --------------------------------------------------------------------------------------------------------


def _served(servo: Servo, seconds: Sequence[float], target: float = 0.1) -> Servo:
    for took in seconds:
        servo = servo.after(servo.rows, took, target)
    return servo


def test_a_batch_far_too_slow_is_divided_by_ten_at_once() -> None:
    assert Servo(1000, 1000).after(1000, 0.51, 0.1).rows == 100
    assert Servo(1000, 1000).after(1000, 0.49, 0.1).rows == 1000


def test_it_waits_for_eleven_batches_of_one_size() -> None:
    assert _served(Servo(100, 1000), [0.05] * 10).rows == 100
    assert _served(Servo(100, 1000), [0.05] * 11).rows == 150


def test_one_slow_batch_of_eleven_changes_nothing() -> None:
    """A checkpoint met one of them."""
    assert _served(Servo(100, 1000), [0.1] * 10 + [0.45]).rows == 100
    assert _served(Servo(100, 1000), [0.1] * 9 + [0.45] * 2).rows == 22


def test_slow_batches_need_not_be_eleven() -> None:
    assert _served(Servo(1000, 1000), [0.4] * 4).rows == 1000
    assert _served(Servo(1000, 1000), [0.4] * 5).rows == 250


def test_what_another_size_took_tells_nothing() -> None:
    servo = Servo(100, 1000, (0.1,))
    assert servo.after(1000, 9.0, 0.1) is servo


@given(some.integers(1, 5000), some.lists(some.floats(0, 100, allow_nan=False), max_size=60), some.floats(0.001, 10))
def test_it_stays_within_bounds_and_never_jumps(most: int, seconds: list[float], target: float) -> None:
    servo = Servo(most, most)
    for took in seconds:
        before, servo = servo, servo.after(servo.rows, took, target)
        assert min(LEAST, most) <= servo.rows <= most
        assert servo.rows <= max(LEAST, math.ceil(before.rows * GROWTH))


@given(some.floats(1e-6, 1e-2), some.floats(0.02, 0.5), some.lists(some.floats(0.9, 1.1), min_size=11, max_size=11))
def test_it_comes_to_the_target_and_stays(cost: float, target: float, noise: list[float]) -> None:
    """A batch costs something for each row, more or less; the size settles where it takes what it may."""
    servo, sizes = Servo(1000, 100_000), []
    for number in range(600):
        servo = servo.after(servo.rows, servo.rows * cost * noise[number % 11], target)
        sizes.append(servo.rows)
    wanted = min(100_000.0, max(10.0, target / cost))
    settled = sizes[300:]
    assert all(0.75 * wanted - 2 <= rows <= 1.15 * wanted + 2 for rows in settled)


# -- the drive --------------------------------------------------------------------------------------------------------


def test_a_checkpoint_slows_and_is_forgotten() -> None:
    found = _driven(CHECKPOINT)
    assert not any(drive.stopped for drive in found)
    assert 0.4 < min(drive.duty for drive in found) <= 1.0
    assert found[-1].duty == 1.0


def test_a_lag_stops_once_halves_once_and_comes_back() -> None:
    found = _driven(LAG)
    assert [drive.stopped for drive in found] == [height >= STOP for height in LAG]
    before, during = found[5].flow, [drive.flow for drive, height in zip(found, LAG, strict=True) if height >= STOP]
    assert during == [before / 2] * len(during)
    assert found[-1].flow > before / 2
    assert _driven(LAG + (0.0,) * 30)[-1].flow == 1.0


def test_what_was_too_much_is_gone_to_carefully_until_it_is_forgotten() -> None:
    """Up to it by half, beyond by a tenth; two quiet minutes later nothing is known against it."""
    drive = Drive(flow=0.2, ceiling=0.4)
    flows = []
    for _ in range(17):
        drive = drive.after(_seen(0.1), 8)
        flows.append(drive.flow)
    assert sorted(set(flows)) == pytest.approx([0.3, 0.4, 0.44, 0.484, 0.5324])
    for _ in range(FORGET):
        drive = drive.after(_seen(0.1), 8)
    assert drive.ceiling == math.inf


def test_each_stop_of_a_storm_halves() -> None:
    found = _driven(STORM)
    assert [drive.stopped for drive in found] == [height >= STOP for height in STORM]
    assert min(drive.flow for drive in found) <= 1 / 2**4 + 0.01
    assert found[-1].flow > 2 * min(drive.flow for drive in found)


@pytest.mark.parametrize("name", ["checkpoint", "lag", "storm"])
def test_a_recorded_trace_stops_when_it_must_and_is_forgotten(name: str) -> None:
    trace = RECORDED[name]
    found = _driven([*trace, *QUIET])
    assert [drive.stopped for drive in found[: len(trace)]] == [height >= STOP for height in trace]
    assert any(drive.stopped for drive in found), "a trace that stops nothing tells nothing"
    assert found[-1].flow == 1.0
    back = [drive.flow for drive in found[len(trace) :]]
    assert back == sorted(back), "once it is quiet it only becomes more"


@pytest.mark.parametrize("name", ["checkpoint", "lag", "storm"])
@pytest.mark.parametrize("lanes", [1, 4])
def test_a_recorded_trace_does_not_make_it_swing(name: str, lanes: int) -> None:
    """It turns from less to more and back no more often than the load itself came and went."""
    trace = RECORDED[name]
    flows = [drive.flow for drive in _driven(trace, lanes=lanes)]
    steps = [after > before for before, after in itertools.pairwise(flows) if after != before]
    turns = sum(1 for one, other in itertools.pairwise(steps) if one != other)
    came = sum(1 for before, after in itertools.pairwise(trace) if before < TIGHT <= after)
    assert turns <= 2 * came


def test_one_reading_stops_though_the_smoothed_pressure_is_low() -> None:
    assert _driven([0.0] * 20 + [1.0])[-1].stopped
    assert not _driven([0.0] * 20 + [0.99])[-1].stopped


def test_first_duty_then_lanes() -> None:
    """Upwards a lane is added once the others run all the time; downwards it is given up before they rest."""
    up = _driven([0.0] * 40, lanes=4)
    assert up[-1].flow == 4.0
    assert all(drive.duty > 0.5 for drive in up)
    down = [drive.after(_seen(0.9), 4) for drive in up[-1:]]
    for _ in range(40):
        down.append(down[-1].after(_seen(0.9), 4))
    lanes = [drive.lanes for drive in down]
    assert lanes == sorted(lanes, reverse=True)
    assert {2, 3} <= set(lanes)
    assert (down[-1].flow, down[-1].lanes) == (FLOOR, 1)


def test_lanes_that_are_no_longer_wanted_end_at_once() -> None:
    assert _driven([0.0] * 40, lanes=4)[-1].after(_seen(0.5), 1).lanes == 1


def test_after_a_step_it_waits_to_see_what_it_did() -> None:
    flows = [drive.flow for drive in _driven([0.0] * 30, lanes=16)]
    changes = [at for at, (a, b) in enumerate(itertools.pairwise(flows)) if a != b]
    assert changes
    assert all(b - a >= UP_REST for a, b in itertools.pairwise(changes))


def test_what_reshapes_holds_it_from_growing() -> None:
    old = ruling([Pressure("xmin_age", 9.0, "old", reshapes=True)])
    drive = Drive(flow=1.0)
    for _ in range(20):
        drive = drive.after(old, 4)
    assert drive.flow == 1.0


@given(some.lists(some.one_of(some.none(), some.floats(0, 100)), max_size=120), some.integers(1, 16))
def test_it_never_leaves_its_bounds(trace: list[float | None], lanes: int) -> None:
    drive = Drive()
    for height in trace:
        before, drive = drive, drive.after(ruling([Pressure("p", height, "")]), lanes)
        assert FLOOR <= drive.flow <= lanes
        assert 1 <= drive.lanes <= lanes
        assert 0 < drive.duty <= 1.0
        assert drive.flow <= max(before.flow * GROWTH, FLOOR) + 1e-9
        assert drive.stopped is (height is None or height >= STOP)


def _settles(gain: float, sluggish: float, lanes: int, base: float = 0.0) -> list[tuple[float, Drive]]:
    """A load that follows what we do, some readings late: what was seen and done at each reading."""
    drive, load, found = Drive(), base, []
    for _ in range(300):
        flow = 0.0 if drive.stopped else drive.flow
        load += (base + gain * flow - load) * sluggish
        drive = drive.after(_seen(load), lanes)
        found.append((load, drive))
    return found


@example(1.2, 1.0, 1, 0.1)
@given(some.floats(0.01, 6), some.floats(0.4, 1.0), some.integers(1, 16), some.floats(0, 0.3))
def test_it_settles_without_swinging(gain: float, sluggish: float, lanes: int, base: float) -> None:
    """Whatever one lane costs, after a while nothing moves, nothing stops, and nothing is left lying."""
    found = _settles(gain, sluggish, lanes, base)[200:]
    flows = {drive.flow for _, drive in found}
    assert len(flows) == 1
    (flow,) = flows
    assert not any(drive.stopped for _, drive in found)
    if FLOOR < flow < lanes:
        assert EASY * 0.97 <= found[-1][0] <= TIGHT  # its smoothed height comes up to it from below, and never there


def _integrated(drain: float, fills: float) -> list[float]:
    """A lag: it grows while we write more than the standby replays, and shrinks otherwise."""
    drive, lag, found = Drive(), 0.0, []
    for _ in range(900):
        flow = 0.0 if drive.stopped else drive.flow
        lag = max(0.0, lag + fills * flow - drain)
        drive = drive.after(_seen(lag), 1)
        found.append(lag)
    return found


@pytest.mark.parametrize("fills", [0.05, 0.1, 0.2])
def test_a_lag_is_kept_below_where_it_stops(fills: float) -> None:
    """Once it knows: a standby that replays half of what we can write makes it stop no more."""
    assert max(_integrated(fills / 2, fills)[60:]) < STOP


@given(some.floats(0, 10), some.floats(FLOOR, 1.0))
def test_work_is_its_share_of_the_time(seconds: float, duty: float) -> None:
    rest = pause(seconds, duty)
    assert rest >= 0
    assert seconds == pytest.approx(duty * (seconds + rest), abs=1e-9)
