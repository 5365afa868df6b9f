"""One change in full, alive.

Why it exists: the list says that something needs a person; this says what, since when and what was done about it.
"""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from orchestrator.core.errors import OrchError
from orchestrator.core.status import Status
from state.model import EventRow
from tui.change import ChangeScreen
from tui.detailmodel import detail_lines
from tui.header import Header
from tui.keyfooter import KeyFooter
from tui.line import Line, Role, paragraph
from tui.lines import LineView
from tui.live import Reading
from tui.locksmodel import locks_of_change
from tui.lockwatch import NEAR
from tui.service import Service
from tui.viewmodel import World

KEPT_EVENTS = 1000


class DetailScreen(ChangeScreen):
    """Pipeline, backfill, gate, evidence, locks, approvals, steps and history of one change."""

    LOOKS = NEAR
    """Seconds between two looks at locks while this is shown."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", key_display="esc", id="back"),
        *ChangeScreen.ASKS,
        Binding("v", "sql", "SQL", key_display="v", id="sql"),
    ]

    def __init__(self, change: str) -> None:
        super().__init__()
        self._change = change
        self._status: Status | None = None
        self._events: list[EventRow] = []
        self._failed = ""
        self._asked = False

    def compose(self) -> ComposeResult:
        """Header, text, keys."""
        yield Header()
        yield LineView(id="detail")
        yield KeyFooter()

    def on_mount(self) -> None:
        """Start with what the list knew."""
        self.query_one("#detail").focus()
        self.show(self.host.world)
        self.host.wake()

    def selected(self) -> Status | None:
        """This change, as last read in full."""
        return self._status or self.host.world.find(self._change)

    def reading(self) -> Reading | None:
        """The change in full, and the events since the last one known."""
        change, last = self._change, self._events[-1].seq if self._events else 0

        def read(service: Service) -> tuple[Status, list[EventRow]]:
            return service.status(change), service.events(change, after=last)

        return read

    def show(self, world: World, read: object | None = None) -> None:
        """Show what was read."""
        if isinstance(read, tuple):
            self._status, self._failed, self._asked = read[0], "", True
            last = self._events[-1].seq if self._events else 0
            self._events += [event for event in read[1] if event.seq > last]
            del self._events[:-KEPT_EVENTS]
        elif isinstance(read, OrchError):
            self._failed = str(read)
        self.query_one(Header).show(world)
        self.query_one("#detail", LineView).update(lambda width: self._lines(world, width))
        self.follow(world)

    def _lines(self, world: World, width: int) -> list[Line]:
        lines = paragraph(width, self._failed, Role.BAD) if self._failed else []
        status = self.selected()
        if status is None:
            return lines
        events = self._events if self._asked else None
        locks = locks_of_change(world.locks, self._change, width)
        return lines + detail_lines(status, width, world.now, events, world.live, rates=world.rates, locks=locks)

    def action_back(self) -> None:
        """Back to the list."""
        self.app.pop_screen()
