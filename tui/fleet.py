"""The Fleet: every change, those that need a person first.

Why it exists: the screen a release is run from. The cursor stays with a change, not with a row, because rows move while one
reads them.
"""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from orchestrator.core.status import Status
from state.model import EventRow
from tui import going
from tui.auditmodel import audit_lines
from tui.change import ChangeScreen
from tui.detail import DetailScreen
from tui.detailmodel import detail_lines
from tui.everything import EverythingModal
from tui.filtering import FilteredScreen
from tui.header import Header
from tui.headermodel import together
from tui.keyfooter import KeyFooter
from tui.line import Line
from tui.lines import LineView
from tui.live import Reading
from tui.picklist import PickList
from tui.viewmodel import World, fleet_lines, heading, ordered

FEED = 4
"""Events that are shown below the list."""


class FleetList(PickList):
    """One line for each change."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._seen: tuple[int, bool, bool, str] | None = None
        self._kept: World | None = None  # so that the id of its statuses stays theirs

    def show(self, world: World, wanted: str) -> None:
        """Show the World; the cursor follows its change."""
        seen = (id(world.statuses), world.live, world.age is None, wanted)
        if seen == self._seen:
            return
        self._seen, self._kept = seen, world
        shown = ordered(world.statuses, wanted)
        self.pick([status.change for status in shown], lambda width: fleet_lines(world, width, wanted, shown))


class FleetScreen(FilteredScreen):
    """The list, a side pane and the last events where there is room, and the filter."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (40, "-high")]
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
        self._events: list[EventRow] = []

    def compose(self) -> ComposeResult:
        """Header, list and side pane, last events, filter, keys."""
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
        feed = LineView(id="feed")
        feed.can_focus = False
        yield feed
        yield Input(
            placeholder="filter by words in id, title, state; enter keeps, esc clears", id="filter", compact=True
        )
        yield KeyFooter()

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
        """The last events, where they are shown; else the statuses are enough."""
        return (lambda service: service.latest_events(FEED)) if self.has_class("-high") else None

    def show(self, world: World, read: object | None = None) -> None:
        """Show the World."""
        if isinstance(read, list):
            self._events = read
        self.query_one(Header).show(world, self._wanted)
        self.query_one(FleetList).show(world, self._wanted)
        self._show_side()
        newest = self._events[::-1]
        self.query_one("#feed", LineView).update(lambda width: audit_lines(newest, width, world.now) if newest else [])
        self.follow(world)

    def on_pick_list_moved(self) -> None:
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
            else:
                self.notify(f"{verb} everything: {going.CANCELLED}", timeout=3, markup=False)

        self.app.push_screen(EverythingModal(verb), answered)
