"""A deferred service is made once, reads ahead once, and never shows as new what was read long ago."""

from __future__ import annotations

import threading

import pytest

from tests.tui.fakes import FakeService
from tui.deferred import FRESH, Deferred


class Counted(FakeService):
    """Knows how often the fleet was read."""

    def __init__(self) -> None:
        super().__init__()
        self.read = 0
        self.failure: Exception | None = None

    def fleet(self, before: object = None) -> object:  # type: ignore[override]
        self.read += 1
        if self.failure is not None:
            raise self.failure
        return super().fleet(before)


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_service_is_made_once_by_whoever_asks_first() -> None:
    made: list[FakeService] = []

    def make() -> FakeService:
        made.append(FakeService())
        return made[-1]

    unused = Deferred(make)
    unused.close()
    assert made == []
    shared = Deferred(make)
    threads = [threading.Thread(target=shared.statuses) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    shared.close()
    assert len(made) == 1
    assert made[0].closed


def test_what_was_read_ahead_is_the_first_answer_and_no_other() -> None:
    service = Counted()
    deferred = Deferred(lambda: service)
    deferred.begin()
    first = deferred.fleet(None)
    assert service.read == 1
    deferred.fleet(None)
    deferred.fleet(first)
    assert service.read == 3


def test_what_was_read_ahead_is_left_when_it_is_old() -> None:
    service, clock, loaded = Counted(), Clock(), threading.Event()
    deferred = Deferred(lambda: service, clock)
    deferred.begin()
    while service.read < 1 or any(t.name == "orch-tui-ahead" for t in threading.enumerate()):
        loaded.wait(0.01)
    clock.now = FRESH
    deferred.fleet(None)
    assert service.read == 2


def test_why_reading_ahead_failed_is_told_and_then_asked_anew() -> None:
    service = Counted()
    service.failure = ConnectionError("no route")
    deferred = Deferred(lambda: service)
    deferred.begin()
    with pytest.raises(ConnectionError, match="no route"):
        deferred.fleet(None)
    service.failure = None
    deferred.fleet(None)
    assert service.read == 2


def test_a_second_asker_does_not_wait_for_what_hangs() -> None:
    service, over = Counted(), threading.Event()
    held = [True]

    def fleet(before: object = None) -> str:
        if held and held.pop():
            over.wait(10)
        return "answered"

    service.fleet = fleet  # type: ignore[method-assign]
    deferred = Deferred(lambda: service)
    deferred.begin()
    waiting = threading.Thread(target=deferred.fleet)
    waiting.start()
    while deferred._ahead is not None:
        over.wait(0.01)
    assert deferred.fleet(None) == "answered"
    assert waiting.is_alive()
    over.set()
    waiting.join()
