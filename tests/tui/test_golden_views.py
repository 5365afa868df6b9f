"""The views beside the Fleet as text, to be read in review: in Unicode, in ASCII and without colours."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from tests.tui.fakes import FakeService
from tests.tui.harness import piloted, running, until, until_text
from tests.tui.test_golden import SIZES, _compare
from tui.app import OrchApp
from tui.screenshot import screen_text

SCREENS = {
    "gates": (["2"], "APPROVALS"),
    "locks": (["3"], "K  ends"),
    "audit": (["4"], "chain intact"),
    "tune": ([*"jjjj", "t"], "nothing is changed"),
    "filling": ([*"jjjj", "enter"], "STEPS"),
    "cancel": (["3", "K"], "reason"),
}
"""Keys that lead there, and what shows that all of it was read."""
CASES = [(name, size, False) for name in SCREENS for size in SIZES] + [(name, (80, 24), True) for name in SCREENS]


async def _shown(name: str, size: tuple[int, int], plain: bool) -> str:
    keys, wanted = SCREENS[name]
    async with running(FakeService(), size, ascii_only=plain) as (app, pilot):
        await until(pilot, lambda: app.world.locks is not None, "locks were read")
        await pilot.press(*keys)
        if size[1] > 20:
            await until_text(pilot, app, wanted)
        if name == "tune" and size[1] >= 40:
            await until_text(pilot, app, "change.submitted")  # of the last events, below the fleet
        return await _at_rest(app, pilot)


async def _at_rest(app: OrchApp, pilot: Pilot[int]) -> str:
    """The screen once it has stood still for a while: footer and scroll bars are laid out after the text."""
    seen = [""]
    while len(seen) < 4 or len(set(seen[-4:])) > 1:
        await pilot.pause(0.05)
        seen.append(screen_text(app))
        assert len(seen) < 200
    return seen[-1]


@pytest.mark.parametrize(("name", "size", "plain"), CASES)
@piloted
async def test_the_view_is_as_it_was(name: str, size: tuple[int, int], plain: bool) -> None:
    shown = await _shown(name, size, plain)
    assert {cell_len(made) for made in shown.splitlines()} == {size[0]}
    assert not plain or shown.isascii()
    _compare(f"{name}-{size[0]}x{size[1]}{'-ascii' if plain else ''}.txt", shown)


@pytest.mark.parametrize("name", SCREENS)
@piloted
async def test_without_colours_the_same_is_said(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    _compare(f"{name}-80x24.txt", await _shown(name, (80, 24), False))


@pytest.mark.parametrize("size", [(20, 5), (33, 8), (300, 100)])
@pytest.mark.parametrize("name", SCREENS)
@piloted
async def test_no_size_breaks_a_view(name: str, size: tuple[int, int]) -> None:
    async with running(FakeService(), size) as (app, pilot):
        await until(pilot, lambda: app.world.locks is not None, "locks were read")
        await pilot.press(*SCREENS[name][0])
        await pilot.pause(0.05)
        shown = screen_text(app).splitlines()
    assert len(shown) == size[1]
    assert {cell_len(made) for made in shown} == {size[0]}
