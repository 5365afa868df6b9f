"""The Gates: the inbox of whoever approves.

Why it exists: whoever is asked for a word should not have to look through the list of all changes for it. Open, approve and
reject work here as everywhere.
"""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from orchestrator.core.status import Status
from tui.change import ChangeScreen
from tui.detail import DetailScreen
from tui.filtering import FilteredScreen
from tui.gatesmodel import gate_panel, gates_heading, gates_lines, inbox
from tui.header import Header
from tui.keyfooter import KeyFooter
from tui.lines import LineView
from tui.live import Reading
from tui.picklist import PickList
from tui.viewmodel import World


class GatesList(PickList):
    """One line for each gate that waits, with a cursor."""

    def show(self, world: World, wanted: str) -> None:
        """Show the World; the cursor follows its change."""
        ids = [status.change for status in inbox(world.statuses, wanted)]
        self.pick(ids, lambda width: gates_lines(world, width, wanted))


class GatesScreen(FilteredScreen):
    """The inbox above, the gate under the cursor below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", key_display="enter", id="open"),
        *ChangeScreen.ASKS,
        Binding("v", "sql", "SQL", key_display="v", id="sql"),
        Binding("slash", "filter", "Filter", key_display="/", id="filter"),
        Binding("escape", "clear", "Clear filter", show=False, id="clear"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._full: Status | None = None

    def compose(self) -> ComposeResult:
        """Header, list, panel, filter, keys."""
        yield Header("Gates")
        names = LineView(lambda width: [gates_heading(width)], id="names")
        names.can_focus = False
        with Vertical(id="rows"):
            yield names
            yield GatesList(id="gates")
        yield LineView(id="panel")
        yield Input(
            placeholder="filter by words in id, title, gate; enter keeps, esc clears", id="filter", compact=True
        )
        yield KeyFooter()

    def on_mount(self) -> None:
        """Start in the list."""
        self.query_one("#filter").display = False
        self.query_one(GatesList).focus()
        self.show(self.host.world)
        self.host.wake()

    def selected(self) -> Status | None:
        """The change under the cursor."""
        change = self.query_one(GatesList).selected
        return self.host.world.find(change) if change else None

    def reading(self) -> Reading | None:
        """The change under the cursor in full: who spoke is in no list."""
        change = self.query_one(GatesList).selected
        return (lambda service: service.status(change)) if change else None

    def show(self, world: World, read: object | None = None) -> None:
        """Show the World."""
        if isinstance(read, Status):
            self._full = read
        self.query_one(Header).show(world, self._wanted)
        self.query_one(GatesList).show(world, self._wanted)
        self._show_panel()
        self.follow(world)

    def on_pick_list_moved(self) -> None:
        """The panel follows the cursor."""
        self._show_panel()
        self.host.wake()

    def _show_panel(self) -> None:
        status, world = self.selected(), self.host.world
        if status is not None and self._full is not None and self._full.change == status.change:
            status = self._full
        self.query_one("#panel", LineView).update(lambda width: gate_panel(status, width, world.now, world.live))

    def action_open(self) -> None:
        """Open the change under the cursor."""
        status = self.selected()
        if status is not None:
            self.app.push_screen(DetailScreen(status.change))
