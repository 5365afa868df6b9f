"""A screen that is one page of lines to read, and from which one goes back.

Why it exists: commands, logs and the like differ in what they read and say, not in how they are looked at.
"""

from __future__ import annotations

from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from tui.header import Header
from tui.keyfooter import KeyFooter
from tui.line import Line
from tui.lines import LineView
from tui.live import Host, Reading
from tui.viewmodel import World


class Page(Screen[None]):
    """Header, lines, keys. A subclass says what to read, takes it in, and builds the lines."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back", key_display="esc", id="back")]

    @property
    def host(self) -> Host:
        """The app, as far as screens know it."""
        return cast(Host, self.app)

    def compose(self) -> ComposeResult:
        """Header, text, keys."""
        yield Header()
        yield LineView(id="page")
        yield KeyFooter()

    def on_mount(self) -> None:
        """Start reading."""
        self.query_one("#page").focus()
        self.show(self.host.world)
        self.host.wake()

    def reading(self) -> Reading | None:
        """What the page needs; called in a thread."""
        raise NotImplementedError

    def take(self, read: object) -> None:
        """Take in what was read, or the OrchError that was raised."""
        raise NotImplementedError

    def lines(self, width: int) -> list[Line]:
        """The page."""
        raise NotImplementedError

    def show(self, world: World, read: object | None = None) -> None:
        """Show what was read."""
        if read is not None:
            self.take(read)
        self.query_one(Header).show(world)
        self.query_one("#page", LineView).update(self.lines)

    def action_back(self) -> None:
        """Back to where it was opened."""
        self.app.pop_screen()
