"""A release as somebody runs it who never saw the screen: only keys that the row at the bottom or the help names."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button

from orchestrator.config import Config, TargetConfig
from orchestrator.core.errors import Waiting
from orchestrator.service import Service
from state.model import State
from tests.conftest import Connect
from tests.tui.harness import piloted, running, until, until_text
from tests.tui.test_postgres import spoken, submit
from tui.app import OrchApp
from tui.confirm import IntentModal
from tui.everything import EverythingModal
from tui.help import HelpScreen
from tui.screenshot import screen_text

BACKFILLED = """
change: orders-quantity-bigint
title: Widen a column
operations:
  - change_type: {table: orders, column: quantity, type: bigint, to: quantity_big}
backfill: {statement_time: 1ms}
triggers: fire
readers: {statements: none, reason: a test}
"""
SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.002); RETURN NEW; END';
CREATE TRIGGER slow BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION slow();
"""
"""So that the backfill takes minutes, and is held long before its end."""


@pytest.fixture
def release(database: str, connect: Connect) -> Iterator[Service]:
    """One change at its first gate, and one whose backfill is under way."""
    link = connect()
    link.execute("CREATE TABLE orders (id bigint PRIMARY KEY, email text NOT NULL, quantity int NOT NULL)")
    link.execute("INSERT INTO orders SELECT n, n::text, n FROM generate_series(1, 20000) n")
    link.execute(SLOW)
    with Service(Config(database, {"shop": TargetConfig("shop", database)}), client="tui") as service:
        service.init()
        submit(service, "orders-note")
        service.submit(BACKFILLED, "quantity.yaml")
        service.approve("orders-quantity-bigint")
        service.advance("orders-quantity-bigint")
        service.approve("orders-quantity-bigint")
        yield service


def named(app: OrchApp) -> str:
    """The row of keys."""
    return screen_text(app).rstrip().splitlines()[-1]


async def until_told(pilot: Pilot[int], app: OrchApp, words: str) -> None:
    """Wait until the screen has a line of some words."""
    await until(pilot, lambda: re.search(words, screen_text(app)), words)


async def press(pilot: Pilot[int], app: OrchApp, key: str, word: str) -> None:
    """A key that the row of keys names by that word."""
    assert f"{key} {word}" in named(app)
    await pilot.press(key)


async def by_help(pilot: Pilot[int], app: OrchApp, wanted: str) -> None:
    """Find what is wanted in the help, and do it there."""
    assert "? Help" in named(app)
    await pilot.press("question_mark")
    await until(pilot, lambda: isinstance(app.screen, HelpScreen), "the help is open")
    await pilot.press(*(each if each != " " else "space" for each in wanted))
    await until_text(pilot, app, wanted)
    await pilot.press("enter")
    await until(pilot, lambda: not isinstance(app.screen, HelpScreen), "the help is closed")


@piloted
async def test_find_approve_hold_and_read_who_did_what(release: Service, connect: Connect) -> None:
    async with _filling(release) as filling, running(release, (80, 24), monotonic=None) as (app, pilot):
        shown = await until_text(pilot, app, "RUN")
        assert re.search(r"GATE +orders-note .* 0 of 1 approvals", shown), "what needs a person is first, and says why"
        assert shown.index("GATE") < shown.index("RUN")

        await press(pilot, app, "A", "Approve")
        await until_text(pilot, app, "ready to approve: tab to the button")
        assert "ADD COLUMN" in screen_text(app)
        await pilot.press(*"seen", "enter")
        assert _focused(app) == "yes", "Enter leads to what was asked for, and has not done it"
        assert spoken(connect())[-1][0] != "orders-note"
        await pilot.press("enter")
        await until(pilot, lambda: ("orders-note", "expand", "approve", "seen") in spoken(connect()), "it is approved")

        await until_text(pilot, app, "RUN")
        await press(pilot, app, "H", "Hold")
        await until(pilot, lambda: isinstance(app.screen, EverythingModal), "the modal")
        assert "orders-quantity-bigint" in screen_text(app), "what will be held is seen behind it"
        await pilot.press(*"runaway", "enter", "enter")
        await until_text(pilot, app, "EVERYTHING HELD by")
        await filling
        held = release.status("orders-quantity-bigint")
        assert held.hold is not None
        assert held.state is State.BACKFILLING

        await by_help(pilot, app, "who did what")
        await until_text(pilot, app, "chain intact")
        await until_told(pilot, app, r"postgres +orders-note +gate.approved")
        await until_told(pilot, app, r"postgres +orders-quant..bigint +hold.set")


@piloted
async def test_who_fumbles_changes_nothing_and_is_told_so(release: Service, connect: Connect) -> None:
    async with running(release, (80, 24), monotonic=None) as (app, pilot):
        before = len(spoken(connect()))
        await press(pilot, app, "A", "Approve")
        await until_text(pilot, app, "ready to approve")
        await pilot.press("enter", "enter")
        await until_text(pilot, app, "nothing was asked for")
        assert len(spoken(connect())) == before

        await until(pilot, lambda: not isinstance(app.screen, IntentModal), "the modal is closed")
        await pilot.press("X", *"why", "enter", *"orders-mote", "enter", "enter", "enter")
        await until_text(pilot, app, "the id does not match yet")
        assert _focused(app) == "typed", "Enter stays where something is wrong"
        for size in ((60, 16), (20, 5), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert "the id does not match yet" in screen_text(app)
        await pilot.press("escape")
        await until_text(pilot, app, "abort orders-note: cancelled")
        assert release.status("orders-note").state is State.PLANNED


@piloted
async def test_two_screens_approve_and_the_second_is_told(release: Service, connect: Connect) -> None:
    async with running(release, (80, 24), monotonic=None) as (app, pilot):
        await press(pilot, app, "A", "Approve")
        await until_text(pilot, app, "ready to approve")
        await asyncio.to_thread(release.approve, "orders-note")
        await until_text(pilot, app, "REFUSED")
        assert app.screen.query_one("#yes", Button).disabled
        said: list[Any] = [row for row in spoken(connect()) if row[0] == "orders-note"]
        assert len(said) == 1


def _focused(app: OrchApp) -> str | None:
    return app.focused.id if app.focused else None


@contextlib.asynccontextmanager
async def _filling(service: Service) -> AsyncIterator[asyncio.Task[None]]:
    """A backfill of minutes, held at the latest when the test is over: nobody else would end it."""
    filling = asyncio.create_task(asyncio.to_thread(_advance, service))
    try:
        yield filling
    finally:
        if not filling.done():
            await asyncio.to_thread(service.pause, "orders-quantity-bigint", reason="the test is over")
        await filling


def _advance(service: Service) -> None:
    with contextlib.suppress(Waiting):  # held, as it should be
        service.advance("orders-quantity-bigint")
