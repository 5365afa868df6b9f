"""The Audit: the history of all changes, the newest event first.

Why it exists: who did what, and when, is asked in the middle of a release and long after it. The last events are here at once;
all of them go into the file that is written from here.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from orchestrator.core.audit import Problem
from orchestrator.core.errors import OrchError
from orchestrator.core.status import Status
from state.model import EventRow
from tui.auditmodel import Proof, audit_heading, audit_lines, event_panel, matching
from tui.detail import DetailScreen
from tui.export import ExportModal, write
from tui.filtering import FilteredScreen
from tui.header import Header
from tui.keyfooter import KeyFooter
from tui.line import Line, Role, paragraph
from tui.lines import LineView
from tui.live import Reading
from tui.picklist import PickList
from tui.service import Service
from tui.viewmodel import World

KEPT = 2000
"""Events that are shown; ``w`` writes all."""


class AuditList(PickList):
    """One line for each event, with a cursor."""

    def newest(self) -> None:
        """Put the cursor on the newest event."""
        self._cursor = 0
        self.scroll_to(y=0, animate=False)

    def show_events(self, world: World, shown: list[EventRow] | None) -> None:
        """Show these events; the cursor follows its event."""
        ids = [str(event.seq) for event in shown or ()]
        self.pick(ids, lambda width: audit_lines(shown, width, world.now))


class AuditScreen(FilteredScreen):
    """The events above, the one under the cursor below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open change", key_display="enter", id="open"),
        Binding("slash", "filter", "Filter", key_display="/", id="filter"),
        Binding("f", "follow", "Follow", key_display="f", id="follow"),
        Binding("c", "check", "Check chain", key_display="c", id="verify"),
        Binding("w", "export", "Write file", key_display="w", id="write"),
        Binding("escape", "clear", "Clear filter", show=False, id="clear"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._events: list[EventRow] | None = None
        self._proof: Proof | None = None
        self._wanted, self._failed = "", ""
        self._follow, self._checking = True, False

    def compose(self) -> ComposeResult:
        """Header, list, panel, filter, keys."""
        yield Header("Audit")
        names = LineView(id="names")
        names.can_focus = False
        with Vertical(id="rows", classes="-tall"):
            yield names
            yield AuditList(id="audit")
        yield LineView(id="panel")
        yield Input(placeholder="filter by words in change, actor, kind, text; esc clears", id="filter", compact=True)
        yield KeyFooter()

    def on_mount(self) -> None:
        """Start in the list, and prove the chain."""
        self.query_one("#filter").display = False
        self.query_one(AuditList).focus()
        self.show(self.host.world)
        self.host.wake()
        self.action_check()

    def selected(self) -> Status | None:
        """The change that the event under the cursor is about."""
        event = self._event()
        return self.host.world.find(event.change_id) if event else None

    def _event(self) -> EventRow | None:
        key = self.query_one(AuditList).selected
        return next((event for event in self._events or () if str(event.seq) == key), None)

    def reading(self) -> Reading | None:
        """The last events; later, those since."""
        last = self._events[-1].seq if self._events else 0

        def read(service: Service) -> list[EventRow]:
            return service.events(after=last) if last else service.latest_events(KEPT)

        return read

    def show(self, world: World, read: object | None = None) -> None:
        """Show what was read."""
        if isinstance(read, list):
            self._take(read)
        elif isinstance(read, OrchError):
            self._failed = str(read)
        self.query_one(Header).show(world)
        rows = self.query_one(AuditList)
        if self._follow:
            rows.newest()
        shown = None if self._events is None else matching(self._events, self._wanted)
        rows.show_events(world, shown)
        self.query_one("#names", LineView).update(self._heading)
        self._show_panel()
        self.follow(world)

    def _take(self, read: list[EventRow]) -> None:
        known = self._events or []
        last = known[-1].seq if known else 0
        self._events, self._failed = [*known, *(event for event in read if event.seq > last)][-KEPT:], ""

    def _heading(self, width: int) -> list[Line]:
        if self._failed:
            return paragraph(width, self._failed, Role.BAD)[:1]
        return [audit_heading(self._events or [], self._proof, self._wanted, self._follow, width)]

    def on_pick_list_moved(self) -> None:
        """Whoever moves the cursor wants to read; the panel follows it."""
        self._follow = False
        self.query_one("#names", LineView).update(self._heading)
        self._show_panel()

    def _show_panel(self) -> None:
        event = self._event()
        self.query_one("#panel", LineView).update(lambda width: event_panel(event, width))

    def action_open(self) -> None:
        """Open the change that the event is about."""
        status = self.selected()
        if status is not None:
            self.app.push_screen(DetailScreen(status.change))

    def action_follow(self) -> None:
        """Keep the newest event under the cursor, or stop that."""
        self._follow = not self._follow
        self.show(self.host.world)

    def action_check(self) -> None:
        """Recompute the whole chain, beside the poll: it reads the whole history."""
        if not self._checking:
            self._checking = True
            self.run_worker(self._check(), exit_on_error=False)

    async def _check(self) -> None:
        try:
            found = await self.host.ask(_proved)
        except Exception as error:
            words = error.message if isinstance(error, OrchError) else f"{type(error).__name__}: {error}"
            found = Proof(self.host.world.now, 0, failed=words)
        finally:
            self._checking = False
        if isinstance(found, Proof):
            self._proof = replace(found, at=self.host.world.now)
            self.show(self.host.world)

    def action_export(self) -> None:
        """Ask for a file, and write what the filter shows of the whole history."""
        wanted = self._wanted

        def answered(path: str | None) -> None:
            if path is not None:
                self.host.act(f"write {path}", lambda service: write(service, path, wanted))

        self.app.push_screen(ExportModal(f"orch-audit-{self.host.world.now:%Y%m%dT%H%M%SZ}.json", wanted), answered)


def _proved(service: Service) -> Proof:
    """Up to which event is asked first: what is appended meanwhile is not claimed to be proved."""
    last = service.latest_events(1)
    problems: list[Problem] = service.audit_verify()
    return Proof(datetime.now(UTC), last[-1].seq if last else 0, tuple(problems))
