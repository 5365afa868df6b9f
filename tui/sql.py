"""What the gate ahead will run: exact SQL, lock, cost and undo of every Step.

Why it exists: "what will this do to my table" is asked at every gate, and must be answered with the statements themselves.
"""

from __future__ import annotations

from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from orchestrator.core.errors import OrchError
from orchestrator.core.view import StepView
from tui.clipboard import Copied
from tui.detailmodel import rehearsal_lines, sql_lines
from tui.header import Header
from tui.keyfooter import KeyFooter
from tui.line import Line, Role, line, paragraph
from tui.lines import LineView
from tui.live import Host, Reading
from tui.viewmodel import World


class SqlScreen(Screen[None]):
    """The Steps of the gate ahead, read again whenever the change moves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,v", "back", "Back", key_display="esc", id="back"),
    ]

    def __init__(self, change: str) -> None:
        super().__init__()
        self._change = change
        self._steps: tuple[StepView, ...] | None = None
        self._read_at: int | None = None
        self._failed = ""

    def compose(self) -> ComposeResult:
        """Header, text, keys."""
        yield Header()
        yield LineView(id="sql")
        yield KeyFooter()

    def on_mount(self) -> None:
        """Start reading."""
        self.query_one("#sql").focus()
        self.show(cast(Host, self.app).world)
        cast(Host, self.app).wake()

    def reading(self) -> Reading | None:
        """The Steps, once for each version of the change."""
        status = cast(Host, self.app).world.find(self._change)
        version = status.version if status else None
        if self._steps is not None and version == self._read_at:
            return None
        self._read_at = version
        return lambda service: service.gate_steps(self._change)

    def show(self, world: World, read: object | None = None) -> None:
        """Show what was read."""
        if isinstance(read, tuple):
            self._steps, self._failed = read, ""
        elif isinstance(read, OrchError):
            self._failed = str(read)
        self.query_one(Header).show(world)
        self.query_one("#sql", LineView).update(self._lines)

    def _lines(self, width: int) -> list[Line]:
        title = line(width, (f" SQL of the gate ahead: {self._change}", Role.TITLE))
        if self._failed:
            return [title, *paragraph(width, self._failed, Role.BAD, lead=("  ", Role.BAD))]
        if self._steps is None:
            return [title, line(width, ("  reading the plan", Role.MUTED))]
        status = cast(Host, self.app).world.find(self._change)
        return [title, *(rehearsal_lines(status, width) if status else []), *sql_lines(self._steps, width)]

    def copied(self) -> Copied | None:
        """The statements, as they will run."""
        if not self._steps:
            return None
        return Copied("the SQL", "\n".join(f"{statement};" for step in self._steps for statement in step.sql))

    def action_back(self) -> None:
        """Back to where v was pressed."""
        self.app.pop_screen()
