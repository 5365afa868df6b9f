"""Pictures of the running program: ``python -m tui.screenshot OUT.svg --size 120x36 --keys enter``.

Why it exists: pictures drawn by hand grow old. These come from the real screens over the configured service, without a
terminal, and load nothing from the network when shown.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import re
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from textual.pilot import Pilot

from tui.app import OrchApp
from tui.preferences import DEFAULTS, Preferences
from tui.service import Service

_FONT_FACE = re.compile(r"@font-face\s*\{[^}]*\}", re.DOTALL)
_FONTS = "Fira Code, DejaVu Sans Mono, monospace; font-variant-ligatures: none"
SETTLE_TRIES = 200


def screen_text(app: OrchApp) -> str:
    """What is on the screen, modals included, as lines of text."""
    width, height = app.size
    console = Console(width=width, height=height, file=io.StringIO(), record=True, legacy_windows=False)
    stack = app._background_screens
    console.print(app.screen._compositor.render_update(full=True, screen_stack=stack))
    return "\n".join(console.export_text().splitlines()[:height])


def screen_svg(app: OrchApp) -> str:
    """The same as a picture that needs no network."""
    svg = _FONT_FACE.sub("", app.export_screenshot(title="orch"))
    return svg.replace("font-family: Fira Code, monospace", f"font-family: {_FONTS}").replace(
        "font-family: Fira Code;", f"font-family: {_FONTS};"
    )


async def settle(app: OrchApp, pilot: Pilot[int]) -> None:
    """Wait until data is shown."""
    for _ in range(SETTLE_TRIES):
        await pilot.pause(0.05)
        if app.world.live:
            break
    await pilot.pause(0.6)


async def capture(app: OrchApp, size: tuple[int, int], keys: Sequence[str]) -> str:
    """The SVG after pressing ``keys``."""
    async with app.run_test(size=size, notifications=True) as pilot:
        await settle(app, pilot)
        for key in keys:
            await pilot.press(key)
            await settle(app, pilot)
        return screen_svg(app)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)


def shoot(
    service: Service, out: Path, size: tuple[int, int], keys: Sequence[str], preferences: Preferences = DEFAULTS
) -> None:
    """Write one picture of the screens over ``service``."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(
        asyncio.run(capture(OrchApp(service, ascii_only=False, preferences=preferences), size, keys)), "utf-8"
    )


def main() -> None:
    """Over the service that orch.toml and the environment configure."""
    parser = argparse.ArgumentParser(prog="python -m tui.screenshot", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=_size, default=(120, 36), metavar="WIDTHxHEIGHT")
    parser.add_argument("--keys", nargs="*", default=[], help="keys to press first, such as enter or A")
    given = parser.parse_args()
    from orchestrator.config import load
    from orchestrator.service import Service as RealService

    shoot(RealService(load(), client="tui"), given.out, given.size, given.keys)


if __name__ == "__main__":
    main()
