"""Where a worker rather ends: at points where few have ended, and so that most points are not hidden behind others."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import Counter
from multiprocessing.connection import Connection

import pytest

from tests.chaos import points
from tests.chaos.points import MOMENTS, POINTS, eagerness


def test_where_none_has_ended_one_ends_rather_than_where_many_have() -> None:
    eager = eagerness({"before intent": 9, "after intent": 9}, dict.fromkeys(POINTS, 50), 50)
    assert eager["before repair"] > 100 * eager["before intent"]


def test_where_a_worker_seldom_comes_it_rather_ends() -> None:
    passes = {**dict.fromkeys(POINTS, 50), "before repair": 1, "after repair": 0}
    eager = eagerness(dict.fromkeys(POINTS, 3), passes, 50)
    assert eager["after repair"] > eager["before repair"] > 5 * eager["before intent"]


def test_a_worker_that_shall_get_far_ends_nowhere_where_many_have() -> None:
    eager = eagerness({"before acquire": 2, "after acquire": 1}, {}, 50, deep=True)
    assert eager["before acquire"] == eager["after acquire"] == 0 < eager["before batch"]


def test_points_that_nobody_reaches_take_nothing_from_the_others() -> None:
    """Where each point but a few was had three times, they still end workers."""
    had = {point: 3 for point in POINTS if not point.endswith("repair")}
    eager = eagerness(had, dict.fromkeys(had, 50), 50)
    assert sum(eager[point] for point in had) > 0.5


class Place:
    """Where something is done that takes its time, or none."""

    seconds = 0.0

    def act(self) -> None:
        """Do it."""
        time.sleep(self.seconds)


def live(point: str, seconds: float, say: Connection) -> None:
    """Come by one place, sure to end at ``point`` if it is still that moment."""
    points._PLACES = {"act": (Place, "act")}
    Place.seconds = seconds
    eager = {**dict.fromkeys((f"{moment} act" for moment in MOMENTS), 0.0), point: 1.0}
    points.arm("kill", eager, "seed", say.send, Counter())
    Place().act()
    time.sleep(10 * points.WITHIN[1])
    say.send("lived")


def told(point: str, seconds: float) -> tuple[str, int | None]:
    """What such a process says, and its exit code."""
    context = multiprocessing.get_context("spawn")
    hear, say = context.Pipe(duplex=False)
    process = context.Process(target=live, args=(point, seconds, say))
    process.start()
    process.join(60)
    return hear.recv(), process.exitcode


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_worker_ends_where_it_says(moment: str) -> None:
    assert told(f"{moment} act", 1.0) == (f"{moment} act", -signal.SIGKILL)


def test_what_is_over_is_not_struck_any_more() -> None:
    assert told("during act", 0.0) == ("lived", 0)
