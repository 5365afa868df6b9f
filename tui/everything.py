"""The brake for all changes at once: one key, one reason, and what it does said before.

Why it exists: when the site is down nobody has the time to find out which change it is.
"""

from __future__ import annotations

from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from state.machine import TERMINAL
from tui import going
from tui.detailmodel import counted
from tui.line import Line, paragraph
from tui.lines import LineView
from tui.live import Host, Reading
from tui.viewmodel import World

_HOLD = (
    "{count} will be held: work stops after the batch in hand, nothing new starts, nothing is lost. H lets go again."
)
_LET_GO = "The holds that were set on everything at once are lifted, on {count}; what else was held stays so."


def effect(verb: str, world: World) -> str:
    """What saying yes does."""
    live = [status for status in world.statuses if status.state not in TERMINAL]
    if verb == "hold":
        return _HOLD.format(count=counted(sum(1 for status in live if status.hold is None), "change"))
    return _LET_GO.format(count=counted(sum(1 for status in live if status.hold is not None), "change"))


class EverythingModal(ModalScreen[str | None]):
    """Returns the reason, or None when cancelled."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel")]

    def __init__(self, verb: str) -> None:
        super().__init__()
        self._verb = verb

    @property
    def host(self) -> Host:
        """The app, as far as screens know it."""
        return cast(Host, self.app)

    def compose(self) -> ComposeResult:
        """The text, the reason, and two buttons."""
        with Vertical(id="box") as box:
            box.border_title = f"{self._verb.upper()} EVERYTHING"
            yield LineView(id="text")
            yield Horizontal(
                Static("reason (required) ", classes="label", markup=False),
                Input(id="reason", compact=True),
                classes="field",
            )
            yield Static("", id="verdict", markup=False)
            with Horizontal(id="buttons"):
                yield Button("Cancel (esc)", id="cancel", compact=True)
                yield Button(f"{self._verb.capitalize()} everything", id="yes", compact=True, disabled=True)

    def on_mount(self) -> None:
        """Type the reason at once."""
        self.query_one(Input).focus()
        self.show(self.host.world)

    def reading(self) -> Reading | None:
        """The statuses are enough."""
        return None

    def show(self, world: World, read: object | None = None) -> None:
        """Keep the count current."""
        del read

        def text(width: int) -> list[Line]:
            return paragraph(width, effect(self._verb, world))

        self.query_one("#text", LineView).update(text)
        self._judge(world)

    def _judge(self, world: World) -> None:
        problem = self._problem(world)
        verdict = self.query_one("#verdict", Static)
        verdict.update(problem or f"ready to {self._verb} everything: {going.HOW}")
        verdict.set_class(bool(problem), "-blocked")
        self.query_one("#yes", Button).disabled = bool(problem)

    def _problem(self, world: World) -> str:
        if not world.live:
            return "DISCONNECTED: actions are disabled until the data is live again"
        return "" if self._reason() else "a reason is required; it goes into every history"

    def _reason(self) -> str:
        return self.query_one(Input).value.strip()

    def on_input_changed(self) -> None:
        """Judge again while typing."""
        self._judge(self.host.world)

    def on_input_submitted(self) -> None:
        """Enter goes on to the button; it never says yes."""
        going.on(self)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Yes only if nothing speaks against it at this very moment."""
        if event.button.id == "cancel":
            self.dismiss(None)
        elif not self._problem(self.host.world):
            self.dismiss(self._reason())

    def action_cancel(self) -> None:
        """Change nothing."""
        self.dismiss(None)
