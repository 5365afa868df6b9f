"""What every screen that shows the World has in common, and how it reaches the app.

Why it exists: one poll feeds all screens, those under a modal too, so that no two of them disagree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from tui.service import Service
from tui.viewmodel import World

Reading = Callable[[Service], object]


@runtime_checkable
class Live(Protocol):
    """A screen fed by the poll."""

    def reading(self) -> Reading | None:
        """What this screen needs besides the statuses; called in a thread, so it must not touch widgets."""

    def show(self, world: World, read: object | None = None) -> None:
        """Show the World; ``read`` is what ``reading`` returned, or the exception it raised."""


class Host(Protocol):
    """What screens ask of the app."""

    world: World

    def send(self, verb: str, change: str, reason: str | None, version: int | None) -> None:
        """Post an intent to the service."""

    def send_all(self, verb: str, reason: str) -> None:
        """Post a request about all changes."""

    def act(self, title: str, call: Callable[[Service], str]) -> None:
        """Post a request of any other kind; ``title`` says what, and it goes out once at a time. Shows what it returns."""

    async def ask(self, read: Reading) -> object:
        """What ``read`` returns, from a thread of its own; raises what it raises."""

    def wake(self) -> None:
        """Read now instead of at the next tick."""
