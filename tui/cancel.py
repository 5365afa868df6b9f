"""The modal before somebody else's work is ended on a target.

Why it exists: numbers of backends are used again, and a session may have moved on since it was looked at. So the pid is typed,
the answer is no as soon as the session is not as it was, and the database compares pid and start once more.
"""

from __future__ import annotations

from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from orchestrator.core.locks import LockSession, TargetLocks
from tui import going
from tui.line import Line, Role, paragraph
from tui.lines import LineView
from tui.live import Host, Reading
from tui.locksmodel import remedy, session_panel
from tui.lockwatch import NEAR
from tui.viewmodel import World


def moved(target: TargetLocks, seen: LockSession, world: World) -> str:
    """What changed about the session since it was looked at, or nothing."""
    there = next((each for each in world.locks.targets if each.target == target.target), None) if world.locks else None
    now = there.session(seen.pid) if there else None
    if there is None or there.trouble:
        return "the target cannot be read"
    if now is None or now.started != seen.started:
        return f"backend {seen.pid} waits for nobody and blocks nobody any more"
    if (now.state == "active") is not (seen.state == "active"):
        return f"backend {seen.pid} is {now.state} by now"
    return "" if there.stands_in_the_way(seen.pid) else f"nobody waits for backend {seen.pid} any more"


class CancelModal(ModalScreen[str | None]):
    """Returns the reason, or None when cancelled."""

    LOOKS = NEAR
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel")]

    def __init__(self, target: TargetLocks, seen: LockSession) -> None:
        super().__init__()
        self._target, self._seen = target, seen

    @property
    def host(self) -> Host:
        """The app, as far as screens know it."""
        return cast(Host, self.app)

    def compose(self) -> ComposeResult:
        """The session, the reason, its pid, and two buttons."""
        verb = "Cancel statement" if self._seen.state == "active" else "End session"
        with Vertical(id="box") as box:
            box.border_title = f"{verb.upper()}: backend {self._seen.pid}"
            yield LineView(self._lines, id="text")
            yield self._field("reason (required) ", "reason")
            yield self._field(f"type {self._seen.pid} ", "typed")
            yield Static("", id="verdict", markup=False)
            with Horizontal(id="buttons"):
                yield Button("Leave it (esc)", id="cancel", compact=True)
                yield Button(verb, id="yes", compact=True, disabled=True)

    def _field(self, label: str, name: str) -> Horizontal:
        return Horizontal(Static(label, classes="label", markup=False), Input(id=name, compact=True), classes="field")

    def _lines(self, width: int) -> list[Line]:
        _, words = remedy(self._target, self._seen)
        return [
            *paragraph(width, f"This {words}.", lead=(" effect  ", Role.MUTED)),
            *session_panel(self._target, self._seen, width),
        ]

    def on_mount(self) -> None:
        """Type the reason at once."""
        self.query_one(Input).focus()
        self.show(self.host.world)

    def reading(self) -> Reading | None:
        """Locks come with the World."""
        return None

    def show(self, world: World, read: object | None = None) -> None:
        """Refuse once the session is not as it was."""
        del read
        problem = self._problem(world)
        verdict = self.query_one("#verdict", Static)
        verdict.update(problem or f"ready: {going.HOW}")
        verdict.set_class(bool(problem), "-blocked")
        self.query_one("#yes", Button).disabled = bool(problem)

    def _problem(self, world: World) -> str:
        if not world.live:
            return "DISCONNECTED: actions are disabled until the data is live again"
        if change := moved(self._target, self._seen, world):
            return f"REFUSED: {change}; close this and look again"
        if not self._typed("reason"):
            return "a reason is required; it goes into the history"
        return "" if self._typed("typed") == str(self._seen.pid) else "the pid does not match yet"

    def _typed(self, name: str) -> str:
        return self.query_one(f"#{name}", Input).value.strip()

    def on_input_changed(self) -> None:
        """Judge again while typing."""
        self.show(self.host.world)

    def on_input_submitted(self) -> None:
        """Enter goes on to the next field or button; it never says yes."""
        going.on(self)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Yes only if nothing speaks against it at this very moment."""
        if event.button.id == "cancel":
            self.dismiss(None)
        elif not self._problem(self.host.world):
            self.dismiss(self._typed("reason"))

    def action_cancel(self) -> None:
        """Change nothing."""
        self.dismiss(None)
