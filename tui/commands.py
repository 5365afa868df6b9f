"""What orch ran on the targets last, and what it runs at this moment.

Why it exists: trust in a tool that changes production comes from seeing what it does, in the database's own words.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from orchestrator.core.errors import OrchError
from orchestrator.core.view import CommandView, RunningView
from tui.clipboard import Copied
from tui.commandsmodel import command_lines
from tui.line import Line, Role, line, paragraph
from tui.live import Reading
from tui.page import Page
from tui.service import Service

KEPT = 200
EVERY = 2.0
"""Seconds between questions to the targets: each costs a connection."""


@dataclass(frozen=True, slots=True)
class _Read:
    sent: tuple[CommandView, ...]
    running: tuple[RunningView, ...] | None
    trouble: str = ""


class CommandsScreen(Page):
    """The last commands of all workers."""

    def __init__(self) -> None:
        super().__init__()
        self._sent: list[CommandView] = []
        self._at_work: tuple[RunningView, ...] | None = None
        self._trouble, self._failed = "", ""
        self._asked = float("-inf")

    def reading(self) -> Reading | None:
        """What was sent since the last one known, and what the targets see."""
        now = time.monotonic()
        if now - self._asked < EVERY:
            return None
        self._asked = now
        after = self._sent[-1].seq if self._sent else 0

        def read(service: Service) -> _Read:
            sent = service.commands(after=after, limit=KEPT)
            try:
                return _Read(sent, service.running())
            except OrchError as error:
                return _Read(sent, None, str(error))

        return read

    def take(self, read: object) -> None:
        """What is new is added; what the targets see replaces what they saw."""
        if isinstance(read, _Read):
            last = self._sent[-1].seq if self._sent else 0
            self._sent += [each for each in read.sent if each.seq > last]
            del self._sent[:-KEPT]
            self._at_work, self._trouble, self._failed = read.running, read.trouble, ""
        elif isinstance(read, OrchError):
            self._failed = str(read)

    def lines(self, width: int) -> list[Line]:
        """The page."""
        title = line(width, (" COMMANDS of orch on its targets; what runs is shown without its values", Role.TITLE))
        failed = paragraph(width, self._failed, Role.BAD, lead=("  ", Role.PLAIN)) if self._failed else []
        return [title, *failed, *command_lines(self._sent, self._at_work, self._trouble, width)]

    def copied(self) -> Copied | None:
        """The statements that were sent last."""
        sent = next((each for each in reversed(self._sent) if each.sql), None)
        if sent is None:
            return None
        return Copied(f"step {sent.ordinal} of {sent.change}", "\n".join(f"{statement};" for statement in sent.sql))
