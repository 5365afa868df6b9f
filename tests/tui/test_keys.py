"""Keys of one's own: taken over everywhere, and refused where they would do two things or none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.binding import Binding

from orchestrator.core.errors import Invalid
from tests.tui.fakes import FakeService
from tests.tui.harness import piloted, running, until_text
from tui.app import OrchApp
from tui.confirm import IntentModal
from tui.keys import _NAMES, contexts, keymap
from tui.preferences import Preferences
from tui.screenshot import screen_text


def refused(table: Any) -> str:
    with pytest.raises(Invalid) as caught:
        keymap(table, OrchApp)
    assert caught.value.next_step
    return caught.value.message


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"aprove": "F2"}, "no key does 'aprove'; did you mean 'approve'?"),
        ({"approve": "p"}, "p is bound twice, to approve and to pause"),
        ({"approve": "f5", "undo": "f5"}, "f5 is bound twice"),
        ({"approve": "j"}, "j is bound twice"),
        ({"approve": "q"}, "q is bound twice"),
        ({"approve": "contrl+l"}, "'contrl+l' is no key"),
        ({"approve": "ctrl+c"}, "ctrl+c always leaves"),
        ({"approve": 7}, "must be a key or a list of keys"),
        ({"approve": []}, "must be a key or a list of keys"),
        ({"approve": [7]}, "7 is no key"),
        (["approve"], "must be a table"),
    ],
)
def test_what_would_do_two_things_or_none_is_refused(table: Any, said: str) -> None:
    assert said in refused(table)


def test_keys_can_be_exchanged_and_shared_between_screens() -> None:
    assert keymap({"approve": "p", "pause": "A"}, OrchApp) == {"approve": "p", "pause": "A"}
    assert keymap({"back": "backspace", "clear": "backspace"}, OrchApp)["back"] == "backspace", "never on one screen"
    assert keymap({"help": ["?", "f1"]}, OrchApp) == {"help": "f1,question_mark"}


def test_no_two_keys_of_ours_clash_as_they_are() -> None:
    for screen, keys in contexts(OrchApp).items():
        listed = [key for bound in keys.values() for key in bound]
        assert len(listed) == len(set(listed)), f"{screen}: {keys}"


def test_every_key_of_a_screen_has_a_name_to_change_it_by() -> None:
    from tui.keys import _ours

    nameless = []
    from textual.screen import ModalScreen, Screen
    from textual.widget import Widget

    kinds: list[type] = [OrchApp, *_ours(Widget), *_ours(Screen)]
    for kind in kinds:
        if not issubclass(kind, ModalScreen):
            own = kind.__dict__.get("BINDINGS", [])
            nameless += [each.action for each in own if isinstance(each, Binding) and each.id is None]
    assert nameless == ["leave"], "only ctrl+c and ctrl+q are nobody's to change"


NAMED = st.sampled_from(["approve", "pause", "help", "up", "back"])


@given(st.dictionaries(NAMED, st.sampled_from([*sorted(_NAMES), *"AxZ7?"])))
def test_a_keymap_is_refused_or_does_one_thing_a_key(table: dict[str, str]) -> None:
    try:
        made = keymap(table, OrchApp)
    except Invalid:
        return
    assert set(made) == set(table)
    for keys in contexts(OrchApp).values():
        bound = [key for name, own in keys.items() for key in (made[name].split(",") if name in made else own)]
        assert len(bound) == len(set(bound))


@piloted
async def test_the_new_key_acts_the_old_one_does_not_and_the_footer_shows_it() -> None:
    wanted = Preferences(keys={"approve": "f2", "down": ["n", "down"]})
    async with running(FakeService(), (100, 24), preferences=wanted) as (app, pilot):
        assert "f2 Approve" in screen_text(app)
        await pilot.press("A")
        assert not isinstance(app.screen, IntentModal)
        first = app.screen.query_one("FleetList").selected  # type: ignore[attr-defined]
        await pilot.press("n")
        assert app.screen.query_one("FleetList").selected != first  # type: ignore[attr-defined]
        await pilot.press("f2")
        await until_text(pilot, app, "APPROVE")


@piloted
async def test_exchanged_keys_do_the_other_thing() -> None:
    wanted = Preferences(keys={"reject": "p", "pause": "D"})
    async with running(FakeService(), preferences=wanted) as (app, pilot):
        await pilot.press("p")
        await until_text(pilot, app, "REJECT")
        await pilot.press("escape", "D")
        await until_text(pilot, app, "PAUSE")


@piloted
async def test_a_changed_key_still_types_a_letter_in_a_field() -> None:
    wanted = Preferences(keys={"clear": "b", "pause": "c"})
    async with running(FakeService(), preferences=wanted) as (app, pilot):
        await pilot.press("slash", "b", "c")
        await until_text(pilot, app, "filter: bc")
