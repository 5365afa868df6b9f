"""Writes the history to a file, after asking where.

Why it exists: what an auditor is handed must be the events as they were hashed, all that the filter shows and not only those on
the screen, and no file that is there already may be lost for it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from orchestrator.core.audit import to_json
from orchestrator.core.errors import Invalid
from tui.auditmodel import matching
from tui.detailmodel import counted
from tui.service import Service


def write(service: Service, path: str, wanted: str) -> str:
    """Write the events that match, oldest first, as ``orch audit --json`` prints them. Raises Invalid; overwrites nothing."""
    events = matching(service.events(), wanted)[::-1]
    text = json.dumps([to_json(event) for event in events], ensure_ascii=False, indent=2)
    try:
        with Path(path).expanduser().open("x", encoding="utf-8") as file:
            file.write(text + "\n")
    except FileExistsError:
        raise Invalid(f"{path} is there already; nothing was written", "name another file") from None
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {error.strerror}", "name another file") from None
    return f"{counted(len(events), 'event')} written to {path}"


class ExportModal(ModalScreen[str | None]):
    """Returns the path, or None when cancelled."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel")]

    def __init__(self, proposed: str, wanted: str) -> None:
        super().__init__()
        self._proposed, self._wanted = proposed, wanted

    def compose(self) -> ComposeResult:
        """What is written, the path, and two buttons."""
        what = f"events that match: {self._wanted}" if self._wanted else "all events"
        with Vertical(id="box") as box:
            box.border_title = "WRITE THE HISTORY"
            yield Static(f"{what}, with their digests, as orch audit --json prints them", id="verdict", markup=False)
            yield Horizontal(
                Static("file ", classes="label", markup=False),
                Input(self._proposed, id="path", compact=True),
                classes="field",
            )
            with Horizontal(id="buttons"):
                yield Button("Cancel (esc)", id="cancel", compact=True)
                yield Button("Write", id="yes", compact=True)

    def on_mount(self) -> None:
        """The path can be typed over at once."""
        self.query_one(Input).focus()

    def on_input_submitted(self) -> None:
        """Enter writes: nothing is lost by it."""
        self._answer()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Write, or not."""
        if event.button.id == "cancel":
            self.dismiss(None)
        else:
            self._answer()

    def _answer(self) -> None:
        path = self.query_one(Input).value.strip()
        if path:
            self.dismiss(path)

    def action_cancel(self) -> None:
        """Write nothing."""
        self.dismiss(None)
