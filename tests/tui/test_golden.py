"""Whole screens as text, to be read in review. ``ORCH_GOLDEN=1`` writes them anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.tui.fakes import FakeService
from tests.tui.harness import piloted, running, until
from tui.gate import GateModal
from tui.screenshot import screen_text

GOLDEN = Path(__file__).parent / "golden"
SIZES = [(80, 24), (160, 50), (60, 16)]
SCREENS = {"fleet": [], "detail": ["enter"], "approve": ["A"], "abort": ["X"], "sql": ["v"], "help": ["question_mark"]}
CASES = [
    *[(name, size, False) for name in ("fleet", "detail") for size in SIZES],
    *[(name, (80, 24), False) for name in ("approve", "abort", "sql", "help")],
    *[(name, (80, 24), True) for name in ("fleet", "detail", "approve")],
]


@pytest.mark.parametrize(("name", "size", "plain"), CASES)
@piloted
async def test_the_screen_is_as_it_was(name: str, size: tuple[int, int], plain: bool) -> None:
    async with running(FakeService(), size, ascii_only=plain) as (app, pilot):
        await until(pilot, lambda: app.world.locks is not None, "the locks were read, which the header counts")
        await pilot.press(*SCREENS[name])
        screen = app.screen
        if isinstance(screen, GateModal):
            await until(pilot, lambda: screen.steps is not None, "the plan was read")
        elif name == "fleet" and size[1] >= 40:
            await until(pilot, lambda: "change.submitted" in _all_lines(screen), "the last events were read")
        elif name in ("detail", "sql"):
            wanted = {"detail": "4 events", "sql": "ALTER TABLE"}[name]
            await until(pilot, lambda: wanted in _all_lines(screen), "the rest was read")
        await pilot.pause()
        shown = screen_text(app)
    assert {cell_len(made) for made in shown.splitlines()} == {size[0]}
    assert not plain or shown.isascii()
    _compare(f"{name}-{size[0]}x{size[1]}{'-ascii' if plain else ''}.txt", shown)


def _all_lines(screen: object) -> str:
    from textual.screen import Screen

    from tui.line import text_of
    from tui.lines import LineView

    assert isinstance(screen, Screen)
    return "\n".join(text_of(made) for view in screen.query(LineView) for made in view._lines)


def _compare(name: str, shown: str) -> None:
    text = "\n".join(made.rstrip() for made in shown.splitlines()) + "\n"
    file = GOLDEN / name
    if os.environ.get("ORCH_GOLDEN") == "1":
        file.write_text(text, "utf-8")
    assert file.read_text("utf-8") == text
