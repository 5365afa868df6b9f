"""Keys, modals and lost connections over a service in memory."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Button, Input

from orchestrator.core.errors import Invalid, Stale
from state.machine import TERMINAL
from state.model import GateName, Hold, State
from tests.tui.fakes import NOW, FakeService, at_gate, fleet, status
from tests.tui.harness import piloted, running, until, until_text
from tui.app import OrchApp
from tui.confirm import IntentModal
from tui.detail import DetailScreen
from tui.fleet import FleetList, FleetScreen
from tui.line import text_of
from tui.screenshot import screen_text

EMAIL = "orders-customer-email"


def gate_service() -> FakeService:
    return FakeService(
        [
            at_gate(EMAIL, State.SWITCHED, GateName.CONTRACT),
            at_gate("orders-status", State.BACKFILLED, GateName.SWITCH_READS),
        ]
    )


async def fill(pilot: Pilot[int], app: OrchApp, name: str, text: str) -> None:
    """Paste into a field, which is quicker than typing."""
    field = app.screen.query_one(f"#{name}", Input)
    field.focus()
    await pilot.pause()
    field.post_message(events.Paste(text))
    await until(pilot, lambda: field.value == text, f"{name} is filled")


def yes(app: OrchApp) -> Button:
    return app.screen.query_one("#yes", Button)


async def say_yes(pilot: Pilot[int], app: OrchApp) -> None:
    await until(pilot, lambda: not yes(app).disabled, "yes is possible")
    yes(app).press()
    await until(pilot, lambda: not isinstance(app.screen, IntentModal), "the modal closed")


@piloted
async def test_the_cursor_moves_opens_and_comes_back() -> None:
    async with running(FakeService()) as (app, pilot):
        fleet_list = app.screen.query_one(FleetList)
        first = fleet_list.selected
        await pilot.press("j", "down", "k")
        assert fleet_list.selected != first
        await pilot.press("G")
        assert fleet_list.selected == "invoices-part"
        assert "invoices-part" in screen_text(app)
        await pilot.press("g", "pagedown", "pageup")
        assert fleet_list.selected == first
        await pilot.press("enter")
        assert isinstance(app.screen, DetailScreen)
        await until_text(pilot, app, EMAIL)
        await pilot.press("escape")
        assert isinstance(app.screen, FleetScreen)


@piloted
async def test_the_cursor_stays_with_its_change_when_rows_move() -> None:
    service = FakeService()
    async with running(service) as (app, pilot):
        fleet_list = app.screen.query_one(FleetList)
        await pilot.press("j", "j")
        assert fleet_list.selected == "items-sku-notnull"
        service.changes["aaa-new-gate"] = at_gate("aaa-new-gate", State.SWITCHED, GateName.CONTRACT)
        await until_text(pilot, app, "aaa-new-gate")
        assert fleet_list.selected == "items-sku-notnull"


@piloted
async def test_the_last_events_stand_below_the_list_where_there_is_room() -> None:
    service = FakeService()
    async with running(service, (160, 50)) as (app, pilot):
        await until_text(pilot, app, service.history[-1].kind)
        feed = app.screen.query_one("#feed")
        assert feed.display
        newest, last = service.history[-1], [text_of(made) for made in feed._lines]  # type: ignore[attr-defined]
        assert newest.kind in last[0]
        assert len(last) == min(4, len(service.history))
    async with running(service, (160, 39)) as (app, pilot):
        await until_text(pilot, app, "orders-customer-email")
        assert not app.screen.query_one("#feed").display


@piloted
async def test_a_filter_narrows_the_list_and_esc_clears_it() -> None:
    async with running(FakeService()) as (app, pilot):
        await pilot.press("slash", *"ledger")
        await until_text(pilot, app, "filter: ledger")
        assert app.screen.query_one(FleetList).selected == "ledger-amount-num"
        assert "table-01" not in screen_text(app)
        await pilot.press("enter")
        assert app.screen.query_one(FleetList).has_focus
        await pilot.press("escape")
        await until_text(pilot, app, "table-01")


@piloted
async def test_approving_contract_needs_the_typed_id_and_passes_the_version_seen() -> None:
    service = gate_service()
    async with running(service) as (app, pilot):
        await pilot.press("A")
        shown = await until_text(pilot, app, "WILL RUN: 1 step")
        assert "9f31c2aa77d0" in shown
        assert "db1 approved contract" in shown
        await fill(pilot, app, "reason", "diff clean")
        await fill(pilot, app, "typed", "orders-customer")
        await until_text(pilot, app, "the id does not match yet")
        assert yes(app).disabled
        app.screen.query_one("#typed", Input).value = EMAIL
        await say_yes(pilot, app)
        await until(pilot, lambda: service.asked, "the approval arrived")
        assert service.asked == [("approve", EMAIL, "diff clean", 7)]
        await until_text(pilot, app, "approve orders-customer-email")


@piloted
async def test_other_gates_need_no_typed_id_and_enter_alone_never_says_yes() -> None:
    service = gate_service()
    async with running(service) as (app, pilot):
        await pilot.press("j", "A")
        await until_text(pilot, app, "ready to approve")
        assert not app.screen.query("#typed")
        await pilot.press("enter", "enter")
        await pilot.pause()
        assert service.asked == []
        assert not isinstance(app.screen, IntentModal)


@pytest.mark.parametrize("what", ["version", "evidence"])
@piloted
async def test_an_approval_is_refused_once_what_was_read_is_no_longer_so(what: str) -> None:
    service = gate_service()
    async with running(service) as (app, pilot):
        await pilot.press("j", "A")
        await until_text(pilot, app, "ready to approve")
        gate = service.changes["orders-status"].gate
        assert gate is not None
        moved: dict[str, Any] = {"version": 8} if what == "version" else {"gate": replace(gate, evidence_sha256="ffff")}
        service.change("orders-status", **moved)
        await until_text(pilot, app, f"REFUSED: {what} changed")
        assert yes(app).disabled
        await pilot.press("escape")
        assert service.asked == []


@piloted
async def test_a_refusal_of_the_service_is_shown_with_the_next_step() -> None:
    service = gate_service()
    service.refuse = Stale("evidence changed since it was approved", "orch verify orders-status")
    async with running(service, (100, 40)) as (app, pilot):
        await pilot.press("j", "A")
        await say_yes(pilot, app)
        shown = await until_text(pilot, app, "evidence changed since it was")
        assert "next: orch verify" in shown
        assert "refused" in shown


@pytest.mark.parametrize(
    ("key", "verb", "state", "typed", "version"),
    [
        ("D", "reject", State.SWITCHED, False, 7),
        ("p", "pause", State.SWITCHED, False, None),
        ("X", "abort", State.SWITCHED, True, 7),
        ("u", "undo", State.CONTRACTED, True, 7),
    ],
)
@piloted
async def test_requests_that_need_a_reason(key: str, verb: str, state: State, typed: bool, version: int | None) -> None:
    service = FakeService([at_gate(EMAIL, state, GateName.CONTRACT)])
    async with running(service) as (app, pilot):
        await pilot.press(key)
        await until_text(pilot, app, "a reason is required")
        assert yes(app).disabled
        await fill(pilot, app, "reason", "report still reads it")
        if typed:
            await until_text(pilot, app, "the id does not match yet")
            await fill(pilot, app, "typed", EMAIL)
        await say_yes(pilot, app)
        await until(pilot, lambda: service.asked, "the request arrived")
        assert service.asked == [(verb, EMAIL, "report still reads it", version)]


@piloted
async def test_resume_and_advance() -> None:
    held = at_gate("orders-status", State.BACKFILLED, GateName.SWITCH_READS, hold=Hold("lunch", "ana", NOW))
    service = FakeService([held])
    async with running(service) as (app, pilot):
        await pilot.press("r")
        await until_text(pilot, app, "Held by ana: lunch")
        await say_yes(pilot, app)
        await until(pilot, lambda: len(service.asked) == 1, "resumed")
        await until(pilot, lambda: app.world.statuses[0].version == 8, "the answer is shown")
        await pilot.press("a")
        await say_yes(pilot, app)
        await until(pilot, lambda: len(service.asked) == 2, "advanced")
        assert service.asked == [("resume", "orders-status", None, 7), ("request", "orders-status", None, 8)]


@piloted
async def test_what_is_out_of_place_is_said_and_not_asked() -> None:
    service = FakeService([status("done-already", State.COMPLETED)])
    async with running(service) as (app, pilot):
        await pilot.press("A")
        await until_text(pilot, app, "done-already is completed")
        assert isinstance(app.screen, FleetScreen)


@piloted
async def test_a_lost_connection_keeps_the_data_disables_actions_and_recovers() -> None:
    service = FakeService()
    async with running(service, monotonic=None) as (app, pilot):
        await until(pilot, lambda: app.world.live, "live")
        assert app.screen.check_action("ask", ("approve",)) is True
        service.broken = Invalid("server closed the connection", "orch doctor")
        shown = await until_text(pilot, app, "DISCONNECTED")
        assert "server closed the connection" in shown
        assert "orch doctor" in shown
        assert "STALE" in shown
        assert "orders-customer-email" in shown
        assert app.screen.check_action("ask", ("approve",)) is None
        await pilot.press("A")
        assert isinstance(app.screen, FleetScreen)
        service.broken = None
        await until_text(pilot, app, "LIVE")
        assert app.screen.check_action("ask", ("approve",)) is True
        assert "✖ DISCONNECTED" not in screen_text(app)


@piloted
async def test_an_open_modal_refuses_while_disconnected() -> None:
    service = gate_service()
    async with running(service, monotonic=None) as (app, pilot):
        await pilot.press("j", "A")
        await until_text(pilot, app, "ready to approve")
        service.broken = Invalid("gone", "")
        await until_text(pilot, app, "DISCONNECTED: actions are disabled")
        assert yes(app).disabled


@piloted
async def test_a_change_that_vanished_does_not_break_its_detail() -> None:
    service = gate_service()
    async with running(service) as (app, pilot):
        await pilot.press("enter")
        await until_text(pilot, app, EMAIL)
        del service.changes[EMAIL]
        await until_text(pilot, app, "there is no change orders-customer-email")
        assert app.world.live


@piloted
async def test_one_request_at_a_time_for_each_change() -> None:
    service = gate_service()
    async with running(service, (120, 40), monotonic=None) as (app, pilot):
        service.hanging.clear()
        app.send("pause", EMAIL, "one", None)
        app.send("pause", EMAIL, "two", None)
        await until_text(pilot, app, "still working on pause orders-customer-email")
        assert "working: pause orders-customer-email" in screen_text(app)
        service.hanging.set()
        await until(pilot, lambda: service.asked, "the first arrived")
        assert [asked[2] for asked in service.asked] == ["one"]


@piloted
async def test_quitting_does_not_wait_for_a_call_in_flight() -> None:
    service = FakeService()
    async with running(service) as (app, pilot):
        service.hanging.clear()
        app._tick()
        await pilot.pause(0.1)
        began = time.monotonic()
        await pilot.press("q")
        await leave(pilot)
        spent = time.monotonic() - began
        assert app.return_code == 0
        service.hanging.set()
    assert spent < 1.0


async def leave(pilot: Pilot[int]) -> None:
    pause: Awaitable[None] = pilot.pause()
    await pause


@pytest.mark.parametrize("size", [(20, 5), (60, 16), (80, 24), (120, 36), (300, 100)])
@piloted
async def test_no_size_breaks_a_screen(size: tuple[int, int]) -> None:
    async with running(FakeService(fleet()), size) as (app, pilot):
        for key in ("A", "escape", "X", "escape", "enter", "v", "escape", "question_mark", "escape", "escape"):
            await pilot.press(key)
            await pilot.pause()
        assert isinstance(app.screen, FleetScreen)
        await pilot.resize_terminal(40, 10)
        await pilot.pause()
        assert "STATE" in screen_text(app)


@piloted
async def test_one_key_holds_everything_and_lets_go_again() -> None:
    service = FakeService()
    held_before = {name for name, each in service.changes.items() if each.hold is not None}
    async with running(service) as (app, pilot):
        await pilot.press("H")
        shown = await until_text(pilot, app, "HOLD EVERYTHING")
        free = [each for each in service.changes.values() if each.hold is None and each.state not in TERMINAL]
        assert f"{len(free)} changes will be held" in shown
        assert yes(app).disabled
        assert "a reason is required" in shown
        await fill(pilot, app, "reason", "checkout is down")
        await until(pilot, lambda: not yes(app).disabled, "yes is possible")
        yes(app).press()
        shown = await until_text(pilot, app, "EVERYTHING HELD by ops-a: checkout is down")
        assert service.asked == [("hold everything", "*", "checkout is down", None)]
        await pilot.press("H")
        await until_text(pilot, app, "LET GO EVERYTHING")
        await fill(pilot, app, "reason", "it is back")
        await until(pilot, lambda: not yes(app).disabled, "yes is possible")
        yes(app).press()
        await until(pilot, lambda: len(service.asked) == 2, "it is let go")
        await until(pilot, lambda: "EVERYTHING HELD" not in screen_text(app), "and shown")
    assert {name for name, each in service.changes.items() if each.hold is not None} == held_before


@piloted
async def test_nothing_is_held_blindly() -> None:
    """A key pressed on old data does nothing; one on a screen that becomes old is refused in the modal."""
    service = FakeService()
    async with running(service) as (app, pilot):
        await pilot.press("H")
        await until_text(pilot, app, "HOLD EVERYTHING")
        await pilot.press("escape")
        assert isinstance(app.screen, FleetScreen)
    assert service.asked == []


@piloted
async def test_gates_open_and_are_approved_from_the_inbox() -> None:
    service = gate_service()
    async with running(service) as (app, pilot):
        await pilot.press("2")
        await until_text(pilot, app, "WAITS FOR")
        await pilot.press("enter")
        assert isinstance(app.screen, DetailScreen)
        await pilot.press("escape", "j", "A")
        await until_text(pilot, app, "ready to approve")
        await say_yes(pilot, app)
        await until(pilot, lambda: service.asked, "the approval arrived")
        assert service.asked == [("approve", "orders-status", None, 7)]
        await pilot.press("1")
        assert isinstance(app.screen, FleetScreen)


@piloted
async def test_the_detail_shows_who_stands_in_the_way_of_the_change() -> None:
    async with running(FakeService(), (110, 40)) as (app, pilot):
        await pilot.press("j", "j", "j", "enter")
        shown = await until_text(pilot, app, "LOCKS  read")
        assert "48213" in shown
        assert "OURS carts-drop-legacy" in shown
