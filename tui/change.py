"""What screens about changes share: the keys that ask for something, and their guards.

Why it exists: a key must do the same in the list and in the detail, and must be greyed out, not missing, while acting would
be blind.
"""

from __future__ import annotations

from typing import Any, ClassVar, cast

from textual.binding import Binding, BindingType
from textual.screen import Screen

from orchestrator.core.status import Status
from tui import going
from tui.clipboard import Copied
from tui.confirm import Answer, IntentModal
from tui.gate import GateModal
from tui.intent import INTENTS, impossible
from tui.live import Host
from tui.permitted import why_not
from tui.service import Service
from tui.sql import SqlScreen
from tui.tune import TuneModal
from tui.tunemodel import nothing_to_tune
from tui.viewmodel import World


class ChangeScreen(Screen[None]):
    """A screen with a selected change."""

    ASKS: ClassVar[list[BindingType]] = [
        Binding("A", "ask('approve')", "Approve", key_display="A", id="approve"),
        Binding("D", "ask('reject')", "Reject", key_display="D", id="reject"),
        Binding("a", "ask('advance')", "Advance", key_display="a", id="advance"),
        Binding("p", "ask('pause')", "Pause", key_display="p", id="pause"),
        Binding("r", "ask('resume')", "Resume", key_display="r", id="resume"),
        Binding("t", "tune", "Tune", show=False, id="tune"),
        Binding("X", "ask('abort')", "Abort", show=False, id="abort"),
        Binding("u", "ask('undo')", "Undo", show=False, id="undo"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._could_act = False

    @property
    def host(self) -> Host:
        """The app, as far as screens know it."""
        return cast(Host, self.app)

    def selected(self) -> Status | None:
        """The change that keys act on."""
        raise NotImplementedError

    def follow(self, world: World) -> None:
        """Grey keys out, or back in, when the connection is lost or found."""
        if world.live is not self._could_act:
            self._could_act = world.live
            self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nobody acts on data that may be old, or where one may only look: such keys are shown, but disabled."""
        del parameters
        return None if why_not(action, self.host.world) else True

    def copied(self) -> Copied | None:
        """The id of the change."""
        status = self.selected()
        return Copied("the id", status.change) if status else None

    def action_ask(self, verb: str) -> None:
        """Open the modal for ``verb`` on the selected change, or say why that is out of place."""
        status = self.selected()
        if status is None:
            return
        reason = impossible(verb, status)
        if reason:
            self.notify(reason, severity="warning", markup=False)
            return
        intent = INTENTS[verb](status)
        modal = (GateModal if intent.sql else IntentModal)(intent, status)

        def answered(answer: Answer | None) -> None:
            if answer is not None:
                self.host.send(verb, status.change, answer.reason, answer.version)
            else:
                self.notify(f"{verb} {status.change}: {going.CANCELLED}", timeout=3, markup=False)

        self.app.push_screen(modal, answered)

    def action_tune(self) -> None:
        """Hold the backfill of the selected change to other settings, or say why that is out of place."""
        status = self.selected()
        if status is None:
            return
        if reason := nothing_to_tune(status):
            self.notify(reason, severity="warning", markup=False)
            return

        def answered(asked: dict[str, Any] | None) -> None:
            if asked is not None:
                self._tune(status.change, asked)
            else:
                self.notify(f"tune {status.change}: {going.CANCELLED}", timeout=3, markup=False)

        self.app.push_screen(TuneModal(status), answered)

    def _tune(self, change: str, asked: dict[str, Any]) -> None:
        now = self.host.world.find(change)
        version = now.version if now else None

        def call(service: Service) -> str:
            return f"tune {change}: {service.tune(change, asked, version=version).why}"

        self.host.act(f"tune {change}", call)

    def action_sql(self) -> None:
        """Show what the gate ahead will run."""
        status = self.selected()
        if status is not None:
            self.app.push_screen(SqlScreen(status.change))
