"""The history on the screen, over the real service: it follows, it is proved, and forging is seen."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from orchestrator.service import Service
from tests.conftest import Connect
from tests.tui.harness import piloted, running, until, until_text
from tests.tui.test_postgres import shop, submit
from tests.tui.test_screens import fill
from tui.picklist import PickList

__all__ = ["shop"]


@piloted
async def test_what_happens_elsewhere_is_followed_until_somebody_reads(shop: Service) -> None:
    submit(shop, "orders-note")
    async with running(shop, (120, 30), monotonic=None) as (app, pilot):
        await pilot.press("4")
        await until_text(pilot, app, "chain intact")
        events = app.screen.query_one(PickList)
        await asyncio.to_thread(shop.pause, "orders-note", reason="peak traffic")
        await until_text(pilot, app, "1 since linked")
        await until_text(pilot, app, '"peak traffic"')
        newest = events.selected
        await pilot.press("j")
        await until(pilot, lambda: events.selected != newest, "the one before is read")
        reading = events.selected
        await asyncio.to_thread(shop.resume, "orders-note")
        await until_text(pilot, app, "hold.lifted")
        assert events.selected == reading
        await until_text(pilot, app, "FOLLOW off")
        await pilot.press("f")
        await until(pilot, lambda: events.selected not in (newest, reading), "the newest is followed again")


@piloted
async def test_a_forged_history_is_said_to_be_broken(shop: Service, connect: Connect) -> None:
    submit(shop, "orders-note")
    forge = "ALTER TABLE orch.event DISABLE TRIGGER USER; UPDATE orch.event SET actor = 'mallory' WHERE seq = 2"
    async with running(shop, (120, 30), monotonic=None) as (app, pilot):
        await pilot.press("4")
        await until_text(pilot, app, "chain intact")
        connect().execute(forge)
        await pilot.press("c")
        await until_text(pilot, app, "chain BROKEN")
        await until_text(pilot, app, "event 2")


@piloted
async def test_the_whole_history_is_written_where_it_was_asked_for(shop: Service, tmp_path: Path) -> None:
    submit(shop, "orders-note")
    path = tmp_path / "history.json"
    async with running(shop, (120, 30), monotonic=None) as (app, pilot):
        await pilot.press("4", "w")
        await until(pilot, lambda: app.screen.query("#path"), "the modal")
        await fill_over(pilot, app, str(path))
        await pilot.press("enter")
        await until(pilot, path.exists, "the file")
        await until(pilot, lambda: path.read_text("utf-8").endswith("]\n"), "all of it")
    assert [each["seq"] for each in json.loads(path.read_text("utf-8"))] == [e.seq for e in shop.events()]


async def fill_over(pilot: object, app: object, text: str) -> None:
    """Type over what is proposed."""
    app.screen.query_one("#path").value = ""  # type: ignore[attr-defined]
    await fill(pilot, app, "path", text)  # type: ignore[arg-type]
