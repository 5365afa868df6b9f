"""What the worker says that this screen has started.

Why it exists: its log is a file somewhere under /tmp, and nobody looks there while it matters.
"""

from __future__ import annotations

from pathlib import Path

from orchestrator.config import redact
from orchestrator.core.errors import OrchError
from tui.line import Line, Role, line, paragraph
from tui.live import Reading
from tui.page import Page

TAIL = 64 * 1024
"""Bytes of the log's end that are read."""
LAST = 200
NONE = (
    "This screen has started no worker (orch tui --with-worker does). Others say what they do on their own standard error; "
    "C shows what all of them did on the targets, and the history of a change (enter) how each step ended."
)


def tail(log: Path) -> list[str]:
    """The last lines of a log, without any password. Raises OSError."""
    with log.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - TAIL))
        text = file.read().decode("utf-8", "replace")
    lines = text.splitlines()
    whole = lines[1:] if size > TAIL else lines
    return [redact(each) for each in whole[-LAST:]]


class WorkerLogScreen(Page):
    """The end of the worker's log, newest last."""

    def __init__(self, log: Path | None) -> None:
        super().__init__()
        self._log = log
        self._said: list[str] | None = None
        self._failed = ""

    def reading(self) -> Reading | None:
        """The end of the file."""
        log = self._log
        return None if log is None else lambda _: tail(log)

    def take(self, read: object) -> None:
        """Take in the lines."""
        if isinstance(read, list):
            self._said, self._failed = read, ""
        elif isinstance(read, OrchError):
            self._failed = read.message

    def lines(self, width: int) -> list[Line]:
        """The page."""
        if self._log is None:
            return [line(width, (" WORKER LOG", Role.TITLE)), *paragraph(width, NONE, lead=("   ", Role.PLAIN))]
        lines = [line(width, (f" WORKER LOG  {self._log}", Role.TITLE))]
        if self._failed:
            lines += paragraph(width, self._failed, Role.BAD, lead=("   ", Role.PLAIN))
        if self._said == []:
            lines.append(line(width, ("   it has said nothing yet: nothing has failed", Role.MUTED)))
        for each in self._said or ():
            lines += paragraph(width, each, lead=("   ", Role.PLAIN))
        return lines
