"""Runs the app under test, with a clock that stands still."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from tests.tui.fakes import NOW
from tui.app import OrchApp
from tui.preferences import DEFAULTS, Preferences
from tui.screenshot import screen_text
from tui.service import Service

Piloted = Callable[..., Coroutine[Any, Any, None]]


def piloted(test: Piloted) -> Callable[..., None]:
    """A test that awaits."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


@asynccontextmanager
async def running(
    service: Service,
    size: tuple[int, int] = (80, 24),
    *,
    ascii_only: bool = False,
    monotonic: float | None = 100.0,
    preferences: Preferences = DEFAULTS,
) -> AsyncIterator[tuple[OrchApp, Pilot[int]]]:
    """The app after its first answer."""
    options: dict[str, Any] = {} if monotonic is None else {"monotonic": lambda: monotonic}
    app = OrchApp(service, ascii_only=ascii_only, preferences=preferences, clock=lambda: NOW, **options)
    app.animation_level = "none"
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            await until(pilot, lambda: app.world.age is not None, "the first answer")
            await pilot.pause()
            yield app, pilot
    finally:
        await _calls_over()


async def _calls_over(patience: float = 3.0) -> None:
    """Let calls end that nobody waits for any more: a connection made after the service was closed would stay open."""
    deadline = time.monotonic() + patience
    for thread in [each for each in threading.enumerate() if each.name.startswith("orch-tui")]:
        await asyncio.to_thread(thread.join, max(0.0, deadline - time.monotonic()))


async def until(pilot: Pilot[int], condition: Callable[[], object], what: str, tries: int = 300) -> None:
    """Wait until ``condition`` holds; fails naming ``what`` after some seconds."""
    for _ in range(tries):
        if condition():
            return
        await pilot.pause(0.02)
    raise AssertionError(f"never happened: {what}\n{screen_text(pilot.app)}")  # type: ignore[arg-type]


async def until_text(pilot: Pilot[int], app: OrchApp, text: str) -> str:
    """Wait until ``text`` is on the screen; returns the screen."""
    await until(pilot, lambda: text in screen_text(app), f"{text!r} on the screen")
    return screen_text(app)
