"""The modal that asks before anything is changed.

Why it exists: nothing here happens on one key. A person reads what will happen, gives a reason, types the id where it
cannot be taken back, and the request is refused as soon as what was read is no longer so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from orchestrator.core.status import Status
from orchestrator.core.view import StepView
from tui import going
from tui.intent import Intent, intent_lines, moved, refused
from tui.lines import LineView
from tui.live import Host, Reading
from tui.viewmodel import World


@dataclass(frozen=True, slots=True)
class Answer:
    """A yes: with the reason given and the version that was on the screen."""

    reason: str | None
    version: int | None


class IntentModal(ModalScreen[Answer | None]):
    """Shows an Intent and returns the Answer, or None when cancelled."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel")]

    def __init__(self, intent: Intent, seen: Status) -> None:
        super().__init__()
        self.intent, self.seen = intent, seen
        self.steps: tuple[StepView, ...] | None = None

    @property
    def host(self) -> Host:
        """The app, as far as screens know it."""
        return cast(Host, self.app)

    def compose(self) -> ComposeResult:
        """The text, the fields that this intent asks for, and two buttons."""
        with Vertical(id="box", classes="-full" if self.intent.sql else "") as box:
            box.border_title = f"{self.intent.title}: {self.seen.change}"
            yield LineView(id="text")
            if self.intent.reason != "none":
                yield self._field(f"reason ({self.intent.reason}) ", "reason")
            if self.intent.typed:
                yield self._field(f"type {self.seen.change} ", "typed")
            yield Static("", id="verdict", markup=False)
            with Horizontal(id="buttons"):
                yield Button("Cancel (esc)", id="cancel", compact=True)
                yield Button(self.intent.verb.capitalize(), id="yes", compact=True, disabled=True)

    def _field(self, label: str, name: str) -> Horizontal:
        return Horizontal(
            Static(label, classes="label", markup=False),
            Input(id=name, compact=True),
            classes="field",
        )

    def on_mount(self) -> None:
        """Nothing destructive has the focus: the first field has, or Cancel."""
        fields = self.query(Input)
        (fields.first() if fields else self.query_one("#cancel")).focus()
        self.show(self.host.world)
        self.host.wake()

    def reading(self) -> Reading | None:
        """The statuses are enough."""
        return None

    def show(self, world: World, read: object | None = None) -> None:
        """Keep the ages current and refuse once what was read is no longer so."""
        del read
        self.query_one("#text", LineView).update(
            lambda width: intent_lines(self.intent, self.seen, self.steps, width, world.now)
        )
        self._judge(world)

    def _judge(self, world: World) -> None:
        problem = self.problem(world)
        verdict = self.query_one("#verdict", Static)
        verdict.update(problem or f"ready to {self.intent.verb}: {going.HOW}")
        verdict.set_class(bool(problem), "-blocked")
        self.query_one("#yes", Button).disabled = bool(problem)

    def problem(self, world: World) -> str:
        """Why the answer cannot be yes now, or nothing."""
        change = moved(self.intent, self.seen, world.find(self.seen.change))
        if not world.live:
            return "DISCONNECTED: actions are disabled until the data is live again"
        if change:
            return f"REFUSED: {change} while this was open; close it and read again"
        if barred := refused(self.intent, self.seen, world.identity.user if world.identity else None):
            return barred
        if self.intent.reason == "required" and not self._typed("reason"):
            return "a reason is required; it goes into the history"
        if self.intent.typed and self._typed("typed") != self.seen.change:
            return "the id does not match yet"
        return ""

    def _typed(self, name: str) -> str:
        return self.query_one(f"#{name}", Input).value.strip()

    def on_input_changed(self) -> None:
        """Judge again while typing."""
        self._judge(self.host.world)

    def on_input_submitted(self) -> None:
        """Enter goes on to the next field or button; it never says yes."""
        going.on(self)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Yes only if nothing speaks against it at this very moment."""
        if event.button.id == "cancel":
            self.dismiss(None)
        elif self.problem(self.host.world):
            self._judge(self.host.world)
        else:
            self.dismiss(Answer(self._reason(), self._version()))

    def _reason(self) -> str | None:
        return (self._typed("reason") or None) if self.intent.reason != "none" else None

    def _version(self) -> int | None:
        if self.intent.verb == "pause":
            return None  # a brake must work however fast the change moves
        now = self.host.world.find(self.seen.change)
        return self.seen.version if self.intent.pinned or now is None else now.version

    def action_cancel(self) -> None:
        """Change nothing."""
        self.dismiss(None)
