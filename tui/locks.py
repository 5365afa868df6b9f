"""The Locks: who waits for whom on the targets.

Why it exists: when a step does not get its lock, the one in the way is found, judged and if need be ended from here.
"""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from orchestrator.core.locks import LockSession, TargetLocks
from orchestrator.core.status import Status
from tui.cancel import CancelModal
from tui.change import ChangeScreen
from tui.detail import DetailScreen
from tui.header import Header
from tui.keyfooter import KeyFooter
from tui.lines import LineView
from tui.live import Reading
from tui.locksmodel import Row, locks_heading, locks_lines, remedy, remedy_lines, rows, session_panel
from tui.lockwatch import NEAR
from tui.picklist import PickList
from tui.viewmodel import World


class LocksList(PickList):
    """One line for each session, with a cursor."""

    def show(self, world: World, wanted: str = "") -> None:
        """Show the tree; the cursor follows its session."""
        self.pick([row.key for row in rows(world.locks)], lambda width: locks_lines(world.locks, width))


class LocksScreen(ChangeScreen):
    """The tree above, the session under the cursor below."""

    LOOKS = NEAR
    """Seconds between two looks while this is shown."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open change", key_display="enter", id="open"),
        Binding("K", "cancel_backend", "Cancel backend", key_display="K", id="cancel_backend"),
    ]

    def compose(self) -> ComposeResult:
        """Header, list, panel, keys."""
        yield Header("Locks")
        names = LineView(id="names")
        names.can_focus = False
        with Vertical(id="rows"):
            yield names
            yield LocksList(id="locks")
        yield LineView(id="panel")
        yield KeyFooter()

    def on_mount(self) -> None:
        """Start in the list."""
        self.query_one(LocksList).focus()
        self.show(self.host.world)

    def selected(self) -> Status | None:
        """The change that the session under the cursor works for."""
        _, session = self._session()
        return self.host.world.find(session.change) if session is not None and session.change else None

    def reading(self) -> Reading | None:
        """Locks come with the World."""
        return None

    def show(self, world: World, read: object | None = None) -> None:
        """Show the World."""
        del read
        self.query_one(Header).show(world)
        self.query_one("#names", LineView).update(lambda width: [locks_heading(world.locks, width)])
        self.query_one(LocksList).show(world)
        self._show_panel()
        self.follow(world)

    def on_pick_list_moved(self) -> None:
        """The panel follows the cursor."""
        self._show_panel()

    def _session(self) -> tuple[TargetLocks | None, LockSession | None]:
        key = self.query_one(LocksList).selected
        row: Row | None = next((row for row in rows(self.host.world.locks) if row.key == key), None)
        return (row.target, row.node.session) if row is not None and row.node is not None else (None, None)

    def _show_panel(self) -> None:
        target, session = self._session()
        self.query_one("#panel", LineView).update(
            lambda width: [*session_panel(target, session, width), *remedy_lines(target, session, width)]
        )

    def action_open(self) -> None:
        """Open the change that the session works for."""
        status = self.selected()
        if status is not None:
            self.app.push_screen(DetailScreen(status.change))

    def action_cancel_backend(self) -> None:
        """Ask before a session is ended, or say why it is not."""
        target, session = self._session()
        if target is None or session is None:
            return
        possible, words = remedy(target, session)
        if not possible:
            self.notify(words, severity="warning", markup=False)
            return

        def answered(reason: str | None) -> None:
            if reason is not None:
                self._cancel(target.target, session, reason)

        self.app.push_screen(CancelModal(target, session), answered)

    def _cancel(self, target: str, session: LockSession, reason: str) -> None:
        pid, started, active = session.pid, session.started, session.state == "active"
        if started is not None:
            self.host.act(
                f"cancel backend {pid}",
                lambda service: service.cancel(target, pid, started, active=active, reason=reason),
            )
