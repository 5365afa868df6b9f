"""The poll: ages, calls that hang, answers that come too late."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from orchestrator.core.errors import Invalid
from tests.tui.fakes import NOW, FakeService
from tests.tui.harness import piloted
from tui.calls import in_thread
from tui.poll import Poll


@dataclass
class Clock:
    now: float = 100.0
    service: FakeService = field(default_factory=FakeService)

    def poll(self) -> Poll:
        return Poll(self.service, lambda: NOW, lambda: self.now)


@piloted
async def test_the_age_counts_from_when_the_answered_call_began() -> None:
    clock = Clock()
    poll = clock.poll()
    assert poll.world().age is None
    await poll.ask(poll.start(), {})
    clock.now += 0.3
    assert round(poll.world().age or 0, 1) == 0.3
    assert poll.world().live
    clock.now += 5
    assert not poll.world().live


@piloted
async def test_a_hanging_call_is_left_behind_later_and_later() -> None:
    clock = Clock()
    poll = clock.poll()
    waits = []
    for _ in range(5):
        assert poll.may_start()
        poll.start()
        began = clock.now
        while not poll.may_start():
            clock.now += 1
        waits.append(clock.now - began)
    assert waits == [11, 21, 41, 61, 61]


@piloted
async def test_an_answer_that_comes_too_late_changes_nothing() -> None:
    clock = Clock()
    poll = clock.poll()
    old = poll.start()
    clock.now += 11
    await poll.ask(poll.start(), {})
    clock.service.broken = Invalid("gone", "")
    await poll.ask(old, {})
    assert poll.world().trouble == ""
    clock.now += 1
    await poll.ask(poll.start(), {})
    assert poll.world().trouble == "gone"
    assert len(poll.world().statuses) == len(clock.service.changes)


@piloted
async def test_slow_answers_are_followed_by_as_long_a_rest() -> None:
    clock = Clock()
    poll = clock.poll()
    began = poll.start()
    clock.now += 2
    await poll.ask(began, {})
    assert not poll.may_start()
    clock.now += 2
    assert poll.may_start()


def test_nobody_waits_for_a_thread_whose_screen_is_gone() -> None:
    clock = Clock()
    clock.service.hanging.clear()

    async def leave() -> None:
        task = asyncio.create_task(in_thread(clock.service.statuses))
        await asyncio.sleep(0.05)
        task.cancel()

    asyncio.run(asyncio.wait_for(leave(), 1))
    clock.service.hanging.set()
