"""The Fleet: every change, those that need a person first.

Why it exists: the screen a release is run from. The cursor stays with a change, not with a row, because rows move while one
reads them.
"""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Footer, Input

from orchestrator.core.status import Status
from tui.change import ChangeScreen
from tui.detail import DetailScreen
from tui.detailmodel import detail_lines
from tui.everything import EverythingModal
from tui.header import Header
from tui.headermodel import together
from tui.line import Line, Role
from tui.lines import Build, LineView
from tui.live import Reading
from tui.viewmodel import World, fleet_lines, heading, ordered


class FleetList(LineView):
    """One line for each change, with a cursor."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"fleet--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="up"),
        Binding("down,j", "move(1)", "Down", show=False, id="down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="page_down"),
        Binding("g,home", "move(-1000000)", "Top", show=False, id="top"),
        Binding("G,end", "move(1000000)", "Bottom", show=False, id="bottom"),
    ]

    class Moved(Message):
        """The cursor is on another change."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._ids: list[str] = []
        self._cursor = 0
        self._seen: tuple[int, bool, bool, str] | None = None
        self._kept: World | None = None  # so that the id of its statuses stays theirs

    @property
    def selected(self) -> str | None:
        """The id under the cursor."""
        return self._ids[self._cursor] if self._ids else None

    def show(self, world: World, wanted: str) -> None:
        """Show the World; the cursor follows its change."""
        seen = (id(world.statuses), world.live, world.age is None, wanted)
        if seen == self._seen:
            return
        self._seen, self._kept = seen, world
        shown = ordered(world.statuses, wanted)
        self.pick([status.change for status in shown], lambda width: fleet_lines(world, width, wanted, shown))

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
            return style + self.get_component_rich_style("fleet--cursor", partial=True)
        return style


class FleetScreen(ChangeScreen):
    """The list, a side pane where there is room, and the filter."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", key_display="enter", id="open"),
        *ChangeScreen.ASKS,
        Binding("H", "everything", "Hold all", key_display="H", id="hold_all"),
        Binding("v", "sql", "SQL", show=False, id="sql"),
        Binding("slash", "filter", "Filter", key_display="/", id="filter"),
        Binding("escape", "clear", "Clear filter", show=False, id="clear"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._wanted = ""

    def compose(self) -> ComposeResult:
        """Header, list and side pane, filter, keys."""
        yield Header("Fleet")
        with Horizontal(id="body"):
            with Vertical(id="list"):
                names = LineView(lambda width: [heading(width)], id="names")
                names.can_focus = False
                yield names
                yield FleetList(id="fleet")
            side = LineView(id="side")
            side.can_focus = False
            yield side
        yield Input(
            placeholder="filter by words in id, title, state; enter keeps, esc clears", id="filter", compact=True
        )
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Start in the list."""
        self.query_one("#filter").display = False
        self.query_one(FleetList).focus()
        self.show(self.host.world)

    def selected(self) -> Status | None:
        """The change under the cursor."""
        change = self.query_one(FleetList).selected
        return self.host.world.find(change) if change else None

    def reading(self) -> Reading | None:
        """The statuses are enough."""
        return None

    def show(self, world: World, read: object | None = None) -> None:
        """Show the World."""
        del read
        self.query_one(Header).show(world, self._wanted)
        self.query_one(FleetList).show(world, self._wanted)
        self._show_side()
        self.follow(world)

    def on_fleet_list_moved(self) -> None:
        """The side pane follows the cursor."""
        self._show_side()

    def _show_side(self) -> None:
        status, world = self.selected(), self.host.world

        def side(width: int) -> list[Line]:
            return detail_lines(status, width, world.now, live=world.live, rates=world.rates) if status else []

        self.query_one("#side", LineView).update(side)

    def action_open(self) -> None:
        """Open the change under the cursor."""
        status = self.selected()
        if status is not None:
            self.app.push_screen(DetailScreen(status.change))

    def action_everything(self) -> None:
        """Hold everything, or let everything go again."""
        verb = "hold" if together(self.host.world) is None else "let go"

        def answered(reason: str | None) -> None:
            if reason is not None:
                self.host.send_all(verb, reason)

        self.app.push_screen(EverythingModal(verb), answered)

    def action_filter(self) -> None:
        """Type a filter."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def action_clear(self) -> None:
        """Show all changes again."""
        field = self.query_one("#filter", Input)
        field.value = ""
        self._leave_filter()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing."""
        self._wanted = event.value.strip()
        self.show(self.host.world)

    def on_input_submitted(self) -> None:
        """Keep the filter and go back to the list."""
        self._leave_filter()

    def _leave_filter(self) -> None:
        self.query_one("#filter").display = False
        self.query_one(FleetList).focus()
