"""The table [tui]: what it may say, what wins, and that a screen which may only look cannot act."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import Config, TargetConfig, load
from orchestrator.core.errors import Invalid
from tests.tui.fakes import FakeService
from tests.tui.harness import piloted, running, until_text
from tui import app as app_module
from tui import terminal
from tui.app import OrchApp
from tui.confirm import IntentModal
from tui.everything import EverythingModal
from tui.permitted import ASKING, why_not
from tui.preferences import Preferences, preferences
from tui.screenshot import screen_text
from tui.viewmodel import World

LOOK = Preferences(read_only=True)


def test_the_table_is_read_with_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "orch.toml"
    file.write_text(
        '[targets.shop]\nurl = "postgresql://h/d"\n[tui]\ntheme = "light"\nmouse = false\n[tui.keys]\nquit = "Q"\n'
    )
    found = preferences(load(file, {}).tui)
    assert (found.theme, found.mouse, found.ascii, found.read_only, found.keys) == (
        "light",
        False,
        None,
        False,
        {"quit": "Q"},
    )


def test_a_wrong_table_stops_no_other_verb_and_is_refused_by_the_screen(tmp_path: Path) -> None:
    file = tmp_path / "orch.toml"
    file.write_text('[targets.shop]\nurl = "postgresql://h/d"\n[tui]\ntheme = "drak"\n')
    config = load(file, {})
    with pytest.raises(Invalid, match="theme 'drak' is not known; did you mean 'dark'"):
        preferences(config.tui)
    file.write_text("tui = 3\n")
    with pytest.raises(Invalid, match="tui must be a table"):
        load(file, {})


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"them": "dark"}, "unknown key 'them'; did you mean 'theme'?"),
        ({"mouse": "no"}, "mouse must be true or false, not 'no'"),
        ({"read_only": 1}, "read_only must be true or false"),
        ({"theme": 7}, "theme 7 is not known"),
    ],
)
def test_a_mistyped_setting_is_an_error_with_the_way_out(table: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid) as refused:
        preferences(table)
    assert said in refused.value.message
    assert refused.value.next_step


def test_the_command_line_comes_first_but_never_lifts_read_only() -> None:
    found = preferences(
        {"theme": "light", "mouse": True, "read_only": True}, theme="monochrome", mouse=False, ascii_only=True
    )
    assert (found.theme, found.mouse, found.ascii, found.read_only) == ("monochrome", False, True, True)


def test_a_read_only_screen_starts_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "require", lambda: None)
    config = Config("postgresql://h/d", {"shop": TargetConfig("shop", "postgresql://h/d")}, {"read_only": True})
    with pytest.raises(Invalid, match="starts no worker"):
        app_module.run(config, with_worker=True)


# -- read-only ---------------------------------------------------------------------------------------------------------


@piloted
async def test_read_only_is_in_the_header_at_every_width() -> None:
    for size in ((160, 50), (80, 24), (50, 16)):
        async with running(FakeService(), size, preferences=LOOK) as (app, pilot):
            assert "READ-ONLY" in screen_text(app).splitlines()[0]
            await pilot.press("enter")
            assert "READ-ONLY" in screen_text(app).splitlines()[0]


@pytest.mark.parametrize("key", ["A", "D", "a", "p", "r", "X", "u", "H"])
@piloted
async def test_a_key_that_asks_opens_nothing_and_says_why(key: str) -> None:
    service = FakeService()
    async with running(service, preferences=LOOK) as (app, pilot):
        await pilot.press(key)
        await until_text(pilot, app, "this screen is READ-ONLY")
        assert not isinstance(app.screen, (IntentModal, EverythingModal))
        bound = app.screen.active_bindings[key]
        assert not bound.enabled, "the footer greys it"
    assert service.asked == []


@piloted
async def test_looking_goes_on() -> None:
    async with running(FakeService(), preferences=LOOK) as (app, pilot):
        await pilot.press("j", "v")
        await until_text(pilot, app, "ALTER TABLE")
        await pilot.press("escape", "slash", *"gate")
        await until_text(pilot, app, "filter: gate")


@piloted
async def test_whatever_posts_an_intent_is_refused() -> None:
    service = FakeService()
    async with running(service, preferences=LOOK) as (app, pilot):
        app.send("pause", "orders-status-enum", "why", None)
        app.send_all("hold", "why")
        await pilot.pause(0.1)
    assert service.asked == []


def test_every_action_of_a_key_is_known_to_ask_or_to_look() -> None:
    """A new action must be sorted into one of the two, or a read-only screen could act."""
    found = set()
    for file in Path(app_module.__file__).parent.glob("*.py"):
        for call in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Binding":
                action = call.args[1]
                assert isinstance(action, ast.Constant)
                found.add(str(action.value).partition("(")[0])
    assert found - ASKING <= LOOKS, "name it here, or in tui/permitted.py if it changes something"


LOOKS = {
    "back",
    "cancel",
    "check",
    "clear",
    "close",
    "commands",
    "copy",
    "export",
    "filter",
    "follow",
    "help",
    "leave",
    "move",
    "open",
    "page",
    "scroll_down",
    "scroll_end",
    "scroll_home",
    "scroll_up",
    "sql",
    "view",
    "worker_log",
}


def test_why_not_is_said_once_for_all() -> None:
    from tests.tui.fakes import NOW

    live, stale = World(NOW, age=0.1), World(NOW, age=60.0)
    looking: Callable[[World], World] = lambda world: World(world.now, age=world.age, read_only=True)  # noqa: E731
    assert why_not("ask", live) == ""
    assert "READ-ONLY" in why_not("ask", looking(live))
    assert why_not("sql", looking(live)) == ""
    assert "DISCONNECTED" in why_not("sql", stale)
    assert why_not("filter", looking(stale)) == ""
    assert isinstance(OrchApp(FakeService(), preferences=LOOK).world, World)
