"""Everything is held at once, and let go again, without touching what somebody holds for a reason of its own."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.core.errors import Invalid, Waiting
from orchestrator.core.progress import Progress
from state.model import ChangeRow, Event, State
from state.store import Registry
from tests.service.world import QUICK, World


def _two(world: World) -> None:
    world.submit("add_column: {table: orders, column: one, type: text}", change="one")
    world.submit("rename_column: {table: orders, column: email, to: mail}", change="two", more=QUICK)


def test_all_but_what_is_held_or_over(world: World) -> None:
    _two(world)
    world.submit("add_column: {table: orders, column: three, type: text}", change="three")
    world.service.pause("one", reason="mine")
    world.to(State.COMPLETED, "three")
    assert world.service.hold_everything(reason="the site is down") == ["two"]
    with pytest.raises(Waiting, match="everything is held: the site is down"):
        world.service.advance("two")
    assert world.service.hold_everything(reason="again") == []
    assert world.service.let_go(reason="it is up") == ["two"]
    holds = {status.change: status.hold.reason if status.hold else None for status in world.service.statuses()}
    assert holds == {"one": "mine", "two": None, "three": None}
    assert world.service.audit_verify() == []


def test_a_running_backfill_stops_within_a_batch(world: World) -> None:
    world.run("INSERT INTO orders (email, quantity) SELECT 'm' || i, 1 FROM generate_series(1, 3000) i")
    world.submit("rename_column: {table: orders, column: email, to: mail}", more=QUICK + "backfill: {batch_rows: 2}\n")
    world.to(State.EXPANDED)
    done: list[int] = []

    def listen(told: Progress) -> None:
        if told.kind == "backfill" and not done:
            done.append(1)
            assert world.service.hold_everything(reason="the site is down") == ["change"]

    with pytest.raises(Waiting, match="the site is down"):
        world.service.advance("change", listen=listen)
    left = world.rows("SELECT count(*) FROM orders WHERE mail IS NULL")[0][0]
    assert left > 1000
    world.service.let_go()
    world.to(State.BACKFILLED)


def test_it_needs_a_reason(world: World) -> None:
    with pytest.raises(Invalid, match="needs a reason"):
        world.service.hold_everything(reason=" ")


def test_a_hold_set_meanwhile_stays_its_owner_s(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _two(world)
    record = Registry.record
    said: list[str] = []

    def late(registry: Registry, change: str, event: Event, *args: Any, **more: Any) -> ChangeRow:
        if not said:
            said.append(change)
            world.service.pause(change, reason="mine")
        return record(registry, change, event, *args, **more)

    monkeypatch.setattr(Registry, "record", late)
    assert world.service.hold_everything(reason="the site is down") == ["two"]
    assert (hold := world.service.status(said[0]).hold) is not None
    assert hold.reason == "mine"
