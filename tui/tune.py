"""The modal that holds a backfill to other settings.

Why it exists: in the middle of a release a backfill is made gentler or quicker without looking for the words of a command. It
takes hold at the next batch, and the history says who did it.
"""

from __future__ import annotations

from typing import Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from orchestrator.core.status import Status
from tui import going
from tui.detailmodel import backfill_lines
from tui.line import Line, Role, paragraph
from tui.lines import LineView
from tui.live import Host, Reading
from tui.tunemodel import FIELDS, fields_of, moved, settings, text_of_setting
from tui.viewmodel import World

EFFECT = "The backfill is held to this from its next batch on; nothing else moves, and no approval is void."


class TuneModal(ModalScreen[dict[str, Any] | None]):
    """Returns the settings that were changed, or None when cancelled."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel")]

    def __init__(self, seen: Status) -> None:
        super().__init__()
        self._seen = seen

    @property
    def host(self) -> Host:
        """The app, as far as screens know it."""
        return cast(Host, self.app)

    def compose(self) -> ComposeResult:
        """How it goes now, a field for each setting, and two buttons."""
        with Vertical(id="box") as box:
            box.border_title = f"TUNE: {self._seen.change}"
            yield LineView(id="text")
            for name in fields_of(self._seen):
                yield Horizontal(
                    Static(f"{FIELDS[name][0]:<16}", classes="label", markup=False),
                    Input(text_of_setting(self._seen, name), id=name, compact=True),
                    classes="field",
                )
            yield Static("", id="verdict", markup=False)
            with Horizontal(id="buttons"):
                yield Button("Cancel (esc)", id="cancel", compact=True)
                yield Button("Tune", id="yes", compact=True, disabled=True)

    def on_mount(self) -> None:
        """Type into the first field at once."""
        self.query(Input).first().focus()
        self.show(self.host.world)
        self.host.wake()

    def reading(self) -> Reading | None:
        """The statuses are enough."""
        return None

    def show(self, world: World, read: object | None = None) -> None:
        """Keep the numbers moving, and judge."""
        del read
        now = world.find(self._seen.change) or self._seen

        def text(width: int) -> list[Line]:
            focused = self.focused.id if isinstance(self.focused, Input) else None
            told = FIELDS[focused][1] if focused in FIELDS else ""
            lines = paragraph(width, EFFECT, lead=(" effect  ", Role.MUTED))
            lines += backfill_lines(now, width, world.live, world.rates)
            return lines + paragraph(width, told, Role.MUTED, lead=(" this    ", Role.MUTED))

        self.query_one("#text", LineView).update(text)
        self._judge(world)

    def _judge(self, world: World) -> None:
        problem, asked = self._asked(world)
        words = ", ".join(f"{FIELDS[name][0]} {'none' if value is None else value}" for name, value in asked.items())
        verdict = self.query_one("#verdict", Static)
        verdict.update(problem or f"will be: {words}")
        verdict.set_class(bool(problem), "-blocked")
        self.query_one("#yes", Button).disabled = bool(problem)

    def _asked(self, world: World) -> tuple[str, dict[str, Any]]:
        """Why the answer cannot be yes now, or nothing; and what is asked for."""
        if not world.live:
            return "DISCONNECTED: actions are disabled until the data is live again", {}
        if change := moved(self._seen, world.find(self._seen.change)):
            return f"REFUSED: {change} while this was open; close it and read again", {}
        try:
            asked = settings(self._seen, {str(field.id): field.value for field in self.query(Input)})
        except ValueError as error:
            return str(error), {}
        return ("" if asked else "nothing is changed yet"), asked

    def on_input_changed(self) -> None:
        """Judge again while typing."""
        self._judge(self.host.world)

    def on_descendant_focus(self) -> None:
        """Say what the field means."""
        self.show(self.host.world)

    def on_input_submitted(self) -> None:
        """Enter goes on to the next field or button; it never says yes."""
        going.on(self)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Yes only if nothing speaks against it at this very moment."""
        problem, asked = self._asked(self.host.world)
        if event.button.id == "cancel":
            self.dismiss(None)
        elif not problem:
            self.dismiss(asked)

    def action_cancel(self) -> None:
        """Change nothing."""
        self.dismiss(None)
