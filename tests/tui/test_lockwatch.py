"""A target that does not answer keeps nobody waiting but whoever looks at its locks."""

from __future__ import annotations

import asyncio
import threading

from orchestrator.core.errors import Invalid
from orchestrator.core.locks import TargetLocks
from tests.tui.fakes import LOCKS, FakeService
from tests.tui.harness import piloted, running, until, until_text
from tui.lockwatch import AT_ONCE, NEAR, PATIENCE, LockWatch
from tui.screenshot import screen_text


class Deaf(FakeService):
    """Its target hangs, its registry does not."""

    def __init__(self) -> None:
        super().__init__()
        self.answering = threading.Event()

    def locks(self) -> tuple[TargetLocks, ...]:
        self.answering.wait(30)
        return super().locks()


@piloted
async def test_a_target_that_hangs_makes_nothing_stale() -> None:
    service = Deaf()
    async with running(service, (100, 30), monotonic=None) as (app, pilot):
        await pilot.press("3")
        await until_text(pilot, app, "Reading the locks")
        service.change("orders-customer-email", title="Moved meanwhile")
        await until(
            pilot, lambda: (found := app.world.find("orders-customer-email")) and "Moved" in found.title, "read"
        )
        assert app.world.live
        assert "STALE" not in screen_text(app)
        service.answering.set()
        await until_text(pilot, app, "48213")


@piloted
async def test_a_target_that_cannot_be_read_says_why() -> None:
    service = FakeService()
    service.blocked = (TargetLocks("shop", trouble="the target is unreachable: no route"),)
    async with running(service, (100, 30)) as (app, pilot):
        await pilot.press("3")
        await until_text(pilot, app, "✖ shop: the target is unreachable: no route")
        await pilot.press("K", "enter")
        assert app.world.live


def test_looks_keep_their_distance_and_hanging_ones_are_left_behind() -> None:
    moment = [0.0]
    watch = LockWatch(FakeService(), lambda: moment[0])
    assert watch.seen() is None
    assert watch.may_start(NEAR)
    asyncio.run(watch.look())
    seen = watch.seen()
    assert seen is not None
    assert (seen.targets, seen.waiting) == (LOCKS, 2)
    assert not watch.may_start(NEAR)
    moment[0] = NEAR
    assert watch.may_start(NEAR)


@piloted
async def test_looks_that_hang_are_left_behind_up_to_a_number() -> None:
    moment, service = [0.0], Deaf()
    watch = LockWatch(service, lambda: moment[0])
    looks = []
    for _ in range(AT_ONCE):
        assert watch.may_start(NEAR)
        looks.append(asyncio.create_task(watch.look()))
        await asyncio.sleep(0)
        assert not watch.may_start(NEAR)
        moment[0] += PATIENCE + 1
    assert not watch.may_start(NEAR)
    service.answering.set()
    await asyncio.gather(*looks)
    assert watch.seen() is not None
    moment[0] += NEAR
    assert watch.may_start(NEAR)


def test_what_the_service_raises_is_shown() -> None:
    class Broken(FakeService):
        def locks(self) -> tuple[TargetLocks, ...]:
            raise Invalid("no such thing")

    watch = LockWatch(Broken(), lambda: 0.0)
    asyncio.run(watch.look())
    seen = watch.seen()
    assert seen is not None
    assert [target.trouble for target in seen.targets] == ["no such thing"]
