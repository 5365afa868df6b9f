"""A list of which one line is picked: changes, gates, sessions, events.

Why it exists: the cursor stays with what it is on, not with a row, because rows move while one reads them.
"""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from tui.line import Role
from tui.lines import Build, LineView


class PickList(LineView):
    """One line for each id, with a cursor."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"pick--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="up"),
        Binding("down,j", "move(1)", "Down", show=False, id="down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="page_down"),
        Binding("g,home", "move(-1000000)", "Top", show=False, id="top"),
        Binding("G,end", "move(1000000)", "Bottom", show=False, id="bottom"),
    ]

    class Moved(Message):
        """The cursor is on another id."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._ids: list[str] = []
        self._cursor = 0

    @property
    def selected(self) -> str | None:
        """The id under the cursor."""
        return self._ids[self._cursor] if self._ids else None

    def pick(self, ids: list[str], build: Build) -> None:
        """Show one line for each id; the cursor follows the id it is on."""
        before, kept = self._cursor, self.selected
        self._ids = ids
        last = max(len(self._ids) - 1, 0)
        self._cursor = self._ids.index(kept) if kept in self._ids else min(before, last)
        self.update(build)
        if self._cursor != before:
            self._place(before)

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        before = self._cursor
        self._cursor = min(max(before + by, 0), max(len(self._ids) - 1, 0))
        if before != self._cursor:
            self._place(before)
            self.post_message(self.Moved())

    def action_page(self, by: int) -> None:
        """Move the cursor by a screenful."""
        self.action_move(by * max(self.size.height - 1, 1))

    def on_click(self, event: events.Click) -> None:
        """Select the row clicked on."""
        self.action_move(event.y + self.scroll_offset.y - self._cursor)

    def _place(self, before: int) -> None:
        self.repaint(before)
        self.repaint(self._cursor)
        top, height = self.scroll_offset.y, max(self.size.height, 1)
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False)
        elif self._cursor >= top + height:
            self.scroll_to(y=self._cursor - height + 1, animate=False)

    def style_of(self, role: Role, y: int) -> Style:
        """The cursor line has its own background."""
        style = super().style_of(role, y)
        if self._ids and y == self._cursor:
            return style + self.get_component_rich_style("pick--cursor", partial=True)
        return style
