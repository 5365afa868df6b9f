"""The help: complete, found by typing, done by Enter, and honest about what does nothing now."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.screen import Screen

from tests.tui.fakes import FakeService
from tests.tui.harness import piloted, running, until, until_text
from tui.app import OrchApp
from tui.confirm import IntentModal
from tui.detail import DetailScreen
from tui.fleet import FleetScreen
from tui.help import HelpList, HelpScreen
from tui.helpmodel import OTHER, SECTIONS, Entry, entry_lines, matching, ordered
from tui.keys import contexts
from tui.line import text_of
from tui.preferences import Preferences
from tui.screenshot import screen_text

ENTRIES = ordered(
    [
        Entry(name, (key,), names[name])
        for names in SECTIONS.values()
        for name, key in zip(names, "ADaprXuvyHobfcCLkjPNgG?q", strict=False)
    ]
)


def shown(app: OrchApp) -> str:
    return "\n".join(text_of(made) for made in app.screen.query_one(HelpList)._lines)


def test_every_key_that_has_a_name_has_a_sentence() -> None:
    names = {name for keys in contexts(OrchApp).values() for name in keys}
    told = {name for section in SECTIONS.values() for name in section}
    assert names <= told, "write what it does into tui/helpmodel.py"
    assert Entry("nobody knows", (), "").section == OTHER


@pytest.mark.parametrize("keys", [[], ["enter"], ["v"]])
@piloted
async def test_it_lists_what_is_bound_on_the_screen_beneath(keys: list[str]) -> None:
    async with running(FakeService(), (110, 60)) as (app, pilot):
        await pilot.press(*keys)
        beneath: Screen[object] = app.screen
        bound = {each.binding.id for each in beneath.active_bindings.values() if each.binding.id}
        await pilot.press("question_mark")
        help_screen = app.screen
        assert isinstance(help_screen, HelpScreen)
        assert {entry.name for entry in help_screen._entries} == bound
        assert "this stops nothing" in await until_text(pilot, app, "quit;")
        await pilot.press("escape")
        assert app.screen is beneath


@piloted
async def test_typing_finds_and_enter_does_it_where_help_was_asked_for() -> None:
    async with running(FakeService(), (100, 30)) as (app, pilot):
        await pilot.press("question_mark", *"open")
        assert "open the change" in shown(app)
        assert "abort" not in shown(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, DetailScreen), "the change is open")
        await pilot.press("question_mark", *"veto gate ahead", "escape", "question_mark", *"reject", "enter")
        await until(pilot, lambda: isinstance(app.screen, IntentModal), "the modal is open")
        assert "REJECT" in screen_text(app)


@piloted
async def test_what_does_nothing_now_says_why_and_is_not_done() -> None:
    async with running(FakeService(), (100, 50)) as (app, pilot):
        await pilot.press("question_mark", *"resume")
        await until(pilot, lambda: "not now: orders-customer-email is not paused" in shown(app), "the reason is listed")
        await pilot.press("enter")
        assert isinstance(app.screen, HelpScreen)
        await pilot.press("escape")
    async with running(FakeService(), (100, 50), preferences=Preferences(read_only=True)) as (app, pilot):
        await pilot.press("question_mark", *"hold everything")
        await until(pilot, lambda: "not now: this screen is READ-ONLY" in shown(app), "the reason is listed")
        await pilot.press("enter")
        await until_text(pilot, app, "READ-ONLY: it was")
        assert isinstance(app.screen, HelpScreen)


@piloted
async def test_it_knows_the_keys_of_ones_own_and_the_cursor_chooses() -> None:
    async with running(FakeService(), (100, 50), preferences=Preferences(keys={"approve": "f2"})) as (app, pilot):
        await pilot.press("question_mark")
        assert "f2" in shown(app).split("approve the gate")[0].splitlines()[-1]
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, IntentModal), "the modal is open")
        assert "ADVANCE" in screen_text(app), "the third entry"


@piloted
async def test_the_key_that_opened_it_closes_it_and_nothing_found_is_said() -> None:
    async with running(FakeService(), (80, 16)) as (app, pilot):
        await pilot.press("question_mark", "question_mark")
        assert isinstance(app.screen, FleetScreen)
        await pilot.press("question_mark", *"zzz", "enter")
        await until_text(pilot, app, "no key does that")
        await pilot.press(*["backspace"] * 3)
        for _ in range(5):
            await pilot.press("pagedown")
        cursor = app.screen.query_one(HelpList).selected
        assert cursor is not None
        assert cursor.name == "quit", "the last one"
        await until_text(pilot, app, "quit;")


def test_a_key_that_is_typed_is_found_first() -> None:
    assert matching(ENTRIES, "A")[0].name == "approve"
    assert matching(ENTRIES, "a")[0].name == "advance"


@given(st.text(st.characters(codec="utf-8"), max_size=12), st.integers(20, 200))
def test_lines_are_exact_and_belong_to_what_is_found(wanted: str, width: int) -> None:
    from rich.cells import cell_len

    found = matching(ENTRIES, wanted)
    lines, owners = entry_lines(found, width)
    assert len(lines) == len(owners)
    assert {cell_len(text_of(made)) for made in lines} <= {width}
    assert {owner for owner in owners if owner >= 0} == set(range(len(found)))
    for word in wanted.casefold().split():
        for entry in found:
            assert word in f"{entry.keys} {entry.name.replace('_', ' ')} {entry.words}".casefold()
