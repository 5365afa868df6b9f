"""Collects what a program sends into one Script, with the place where each piece was written.

Why it exists: the linter judges a text, and its findings must point into the file that a person edits.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from orchestrator.dialects.postgres.script.acts import Unread
from orchestrator.dialects.postgres.script.reading import Statement, read
from orchestrator.dialects.postgres.script.sent import Origin, Part, Script, Span

_OPENING = re.compile(r"[rRbBuU]*(\"\"\"|'''|\"|')")


@dataclass
class Writer:
    """``source`` are the lines of the program. ``comments`` are (line, column, text) that are yet to be written."""

    source: list[str]
    comments: list[tuple[int, int, str]] = field(default_factory=list)
    _pieces: list[str] = field(default_factory=list)
    _length: int = 0
    _statements: list[Statement] = field(default_factory=list)
    _origins: list[Origin] = field(default_factory=list)
    _parts: list[Part] = field(default_factory=list)
    _spans: list[Span] = field(default_factory=list)

    def place(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Line and column of a node, counting characters from 1; Python counts bytes from 0."""
        line = self.source[node.lineno - 1] if node.lineno <= len(self.source) else ""
        return node.lineno, len(line.encode()[: node.col_offset].decode(errors="replace")) + 1

    def part(self, part: Part) -> None:
        """What follows is sent so."""
        if self._parts and self._parts[-1].start == self._length:
            self._parts.pop()
        self._parts.append(Part(self._length, part.sending, part.who, part.way))

    def sql(self, text: str, call: ast.expr | ast.stmt, literal: ast.expr | None = None) -> None:
        """A call sends it. ``literal`` is where it stands in the program as it is, if it does."""
        origin = self._verbatim(literal, text) or Origin(0, *self.place(call))
        self._remark(call)
        start = self._length
        self._origins.append(Origin(start, origin.line, origin.column, origin.verbatim))
        self._statements += read(text, start)
        self._put(text)
        self._spans.append(Span(start, self._length))
        self._put(";\n")

    @property
    def statements(self) -> list[Statement]:
        """Those written so far."""
        return self._statements

    def unread(self, what: str, node: ast.expr | ast.stmt, *, partly: bool = False) -> None:
        """Something that is not judged, or partly."""
        self._remark(node)
        start = self._length
        self._origins.append(Origin(start, *self.place(node)))
        self._put(f"-- {' '.join(what.split())}\n")
        self._statements.append(Statement("", start, self._length - 1, (Unread(start, what, partly),)))
        self._spans.append(Span(start, self._length - 1))

    def _remark(self, node: ast.expr | ast.stmt) -> None:
        """Comments of the program above a call, in it, or behind it on its line become comments of the SQL above it."""
        last = node.end_lineno or node.lineno
        while self.comments and self.comments[0][0] <= last:
            line, column, text = self.comments.pop(0)
            self._origins.append(Origin(self._length + 2, line, column + 2, verbatim=True))
            self._put(f"--{text.removeprefix('#')}\n")

    def _put(self, text: str) -> None:
        self._pieces.append(text)
        self._length += len(text)

    def _verbatim(self, literal: ast.expr | None, text: str) -> Origin | None:
        """Where a text of several lines begins, if the program holds it without an escape."""
        if literal is None or literal.end_lineno is None or literal.end_lineno == literal.lineno:
            return None
        line, column = self.place(literal)
        last = self.source[literal.end_lineno - 1].encode()[: literal.end_col_offset]
        lines = [*self.source[line - 1 : literal.end_lineno - 1], last.decode(errors="replace")]
        segment = "\n".join([lines[0][column - 1 :], *lines[1:]])
        opening = _OPENING.match(segment)
        if opening is None:
            return None
        inner = segment[opening.end() : -len(opening.group(1))]
        if inner == text:
            return Origin(0, line, column + opening.end(), verbatim=True)
        if inner == "\\\n" + text:
            return Origin(0, line + 1, 1, verbatim=True)
        return None

    def script(self, no_undo: str, undo: ast.stmt | None) -> Script:
        """All of it. ``undo`` is where there should be a way back."""
        if self.comments:
            self._remark(ast.Pass(lineno=len(self.source) + 1, end_lineno=len(self.source) + 1, col_offset=0))
        at = self._length
        if no_undo:
            self._origins.append(Origin(at, *(self.place(undo) if undo is not None else (1, 1))))
        return Script(
            "".join(self._pieces),
            tuple(self._statements),
            tuple(self._parts) or (Part(),),
            tuple(self._origins) or (Origin(0, 1, 1),),
            no_undo,
            at,
            tuple(self._spans),
        )
