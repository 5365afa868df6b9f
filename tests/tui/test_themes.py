"""Every word can be read in every theme, with NO_COLOR too, and the cursor can be found."""

from __future__ import annotations

import pytest
from rich.color import Color
from rich.style import Style

from tests.tui.fakes import FakeService
from tests.tui.harness import piloted, running
from tui.fleet import FleetList
from tui.line import Role
from tui.lines import LineView
from tui.preferences import Preferences
from tui.themes import THEMES

LEGIBLE = 4.5
"""WCAG 2.2, level AA."""


def luminance(color: Color) -> float:
    """WCAG's relative luminance, written down from its definition."""
    parts = [channel / 255 for channel in color.get_truecolor()]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(style: Style) -> float:
    assert style.color is not None
    assert style.bgcolor is not None
    bright, dark = sorted((luminance(style.color), luminance(style.bgcolor)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", list(THEMES))
@piloted
async def test_every_role_is_legible_on_every_background(theme: str) -> None:
    async with running(FakeService(), preferences=Preferences(theme=theme)) as (app, pilot):
        rows = app.screen.query_one(FleetList)
        await pilot.press("j")
        views = {"list": (rows, 0), "cursor": (rows, 1), "top": (app.screen.query_one("#top", LineView), 0)}
        faint = {
            f"{place} {role.value}": round(contrast(view.style_of(role, y)), 1)
            for place, (view, y) in views.items()
            for role in Role
            if contrast(view.style_of(role, y)) < LEGIBLE
        }
        assert faint == {}
        plain, cursor = rows.style_of(Role.PLAIN, 0), rows.style_of(Role.PLAIN, 1)
        assert cursor.reverse or plain.bgcolor != cursor.bgcolor


@piloted
async def test_a_modal_is_legible_in_every_theme() -> None:
    for theme in THEMES:
        async with running(FakeService(), preferences=Preferences(theme=theme)) as (app, pilot):
            await pilot.press("X")
            view = app.screen.query_one("#text", LineView)
            assert min(contrast(view.style_of(role, 0)) for role in Role) >= LEGIBLE, theme


@piloted
async def test_no_color_has_no_colour_and_a_cursor() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_COLOR", "1")
        async with running(FakeService(), preferences=Preferences(theme="light")) as (app, _):
            rows = app.screen.query_one(FleetList)
            for role in Role:
                style = rows.style_of(role, 1)
                assert contrast(style) >= LEGIBLE
                assert style.color is not None
                red, green, blue = style.color.get_truecolor()
                assert max(red, green, blue) - min(red, green, blue) <= 2, "grey is made of no colour"
            assert rows.style_of(Role.PLAIN, 0).reverse


def test_colours_of_the_colour_blind_theme_are_of_the_safe_palette() -> None:
    """Okabe and Ito's palette: published to be told apart in every form of colour blindness."""
    palette = {"#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"}
    theme = THEMES["colour-blind"]
    assert {theme.primary, theme.secondary, theme.warning, theme.error, theme.success} <= palette
