"""How a migration tool sends a script: what shares a transaction, where each piece was written, whether there is a way back.

Why it exists: the same two statements are harmless in psql and error 25001 in a tool that wraps a file into a transaction.
Formats make Scripts, the linter judges them, and neither knows the other.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from orchestrator.dialects.postgres.script.reading import Statement, read


class Sending(StrEnum):
    """``each``: every statement by itself, as psql does. ``message``: all in one message, so that several share an implicit
    transaction and one alone has none. ``transaction``: the tool has sent BEGIN before, and sends COMMIT after it.
    """

    EACH = "each"
    MESSAGE = "message"
    TRANSACTION = "transaction"


@dataclass(frozen=True, slots=True)
class Part:
    """From the character ``start`` on it is sent so. ``who`` says in a sentence who puts it into a transaction, ``way`` how the
    tool is told not to.
    """

    start: int = 0
    sending: Sending = Sending.EACH
    who: str = "the tool runs this file in one transaction"
    way: str = "put it into a migration of its own that is not transactional"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the text from ``start`` on was written, counting lines and columns from 1; ``verbatim`` if it stands there as it is,
    else all of it is said to stand at that place.
    """

    start: int
    line: int
    column: int
    verbatim: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """What one call of a program sends."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Script:
    """What one migration sends. ``no_undo`` says why there is no way back, at the character ``undo_at``; empty where there is one
    or the tool knows none. Without ``origins`` the text is the file itself. ``spans`` are what a comment outside of them covers,
    if that is more than a statement.
    """

    text: str
    statements: tuple[Statement, ...]
    parts: tuple[Part, ...] = (Part(),)
    origins: tuple[Origin, ...] = ()
    no_undo: str = ""
    undo_at: int = 0
    spans: tuple[Span, ...] = ()
    _lines: list[int] = field(default_factory=list, compare=False, repr=False)

    def part(self, at: int) -> Part:
        """How the character is sent."""
        return self.parts[max(0, bisect_right(self.parts, at, key=_start) - 1)]

    def is_alone(self, statement: Statement) -> bool:
        """Whether no other statement shares its part."""
        index = max(0, bisect_right(self.parts, statement.start, key=_start) - 1)
        end = self.parts[index + 1].start if index + 1 < len(self.parts) else len(self.text) + 1
        first = bisect_right(self.statements, self.parts[index].start - 1, key=_start)
        return bisect_right(self.statements, end - 1, key=_start) - first < 2

    def place(self, at: int) -> tuple[int, int]:
        """Line and column of a character in the file, from 1."""
        if not self.origins:
            return self._place(at, 0, 1, 1)
        origin = self.origins[max(0, bisect_right(self.origins, at, key=_start) - 1)]
        if not origin.verbatim:
            return origin.line, origin.column
        return self._place(at, origin.start, origin.line, origin.column)

    def _place(self, at: int, start: int, line: int, column: int) -> tuple[int, int]:
        ends = self._lines or self._measured()
        first, last = bisect_right(ends, start - 1), bisect_right(ends, at - 1)
        if first == last:
            return line, column + at - start
        return line + last - first, at - ends[last - 1]

    def _measured(self) -> list[int]:
        at = self.text.find("\n")
        while at >= 0:
            self._lines.append(at)
            at = self.text.find("\n", at + 1)
        return self._lines


def _start(piece: Part | Origin | Statement) -> int:
    return piece.start


def sent(text: str, *parts: Part, no_undo: str = "", statements: Sequence[Statement] | None = None) -> Script:
    """The Script that a file of SQL is."""
    found = tuple(read(text) if statements is None else statements)
    return Script(text, found, parts or (Part(),), no_undo=no_undo)
