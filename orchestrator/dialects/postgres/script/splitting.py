"""Cuts a script into statements without understanding them, for scripts that the parser refuses as a whole.

Why it exists: one broken statement must not hide the others, and what psql reads (meta-commands, rows of COPY) is no SQL.
Positions are characters of the script.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<line>--[^\n]*+)
  | (?P<block>/\*)
  | (?P<text>(?<![\w$])[eE]'(?:[^'\\]++|''|\\.)*+'? | '[^']*+(?:''[^']*+)*+'? | "[^"]*+(?:""[^"]*+)*+"?)
  | (?P<dollar>(?<![\w$])\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)
  | (?P<open>[(\[])
  | (?P<close>[)\]])
  | (?P<end>;)
  | (?P<comma>,)
  | (?P<meta>\\g\w*[^\n]*)
  | (?P<word>\b(?:begin\s+atomic|case|end)\b)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_BLOCK_EDGE = re.compile(r"/\*|\*/")
_SPACE = re.compile(r"\s*+")
_LINE = re.compile(r"[^\n]*\n?")
_COPY = re.compile(r"copy\b[^;]*\bfrom\s+stdin\b", re.IGNORECASE)
_COPY_END = re.compile(r"^\\\.[ \t]*\r?$\n?", re.MULTILINE)
_END_OF_LINE = re.compile(r";[ \t]*(?:--[^\n]*)?\r?(?:\n|\Z)")


@dataclass(frozen=True, slots=True)
class Piece:
    """A statement without what surrounds it. ``doubtful`` says that a quotation or a bracket in it may be a mistake."""

    start: int
    end: int
    doubtful: bool = False


def skip(text: str, at: int, end: int | None = None) -> int:
    """The first character at or after ``at`` that is neither space nor comment."""
    stop = len(text) if end is None else end
    while at < stop:
        at = _SPACE.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing, too
        if text.startswith("--", at):
            found = text.find("\n", at)
            at = stop if found < 0 else found
        elif text.startswith("/*", at):
            at = _block_end(text, at)
        else:
            break
    return min(at, stop)


def comments(text: str) -> Iterator[tuple[int, int]]:
    """Where comments are, from and to."""
    at = 0
    while (token := _TOKEN.search(text, at)) is not None:
        at = _token_end(text, token)
        if token.lastgroup in ("line", "block"):
            yield token.start(), at


def commas(text: str, at: int, end: int) -> list[int]:
    """Where the commas outside brackets are."""
    found, depth = [], 0
    while (token := _TOKEN.search(text, at, end)) is not None:
        depth += (token.lastgroup == "open") - (token.lastgroup == "close")
        if token.lastgroup == "comma" and depth == 0:
            found.append(token.start())
        at = min(_token_end(text, token), end)
    return found


def pieces(text: str, at: int = 0) -> Iterator[Piece]:
    """The statements from ``at`` on. Consume it lazily: after a broken one a caller starts afresh behind it."""
    while (at := skip(text, at)) < len(text):
        if text[at] == "\\":
            at = _LINE.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing, too
            continue
        if text[at] == ";":
            at += 1
            continue
        start = at
        end, doubtful, at = _scan(text, start)
        yield Piece(start, end, doubtful)
        if _COPY.match(text, start, end):
            at = _behind_rows(text, at)


def _behind_rows(text: str, at: int) -> int:
    found = _COPY_END.search(text, at)
    return len(text) if found is None else found.end()


def _scan(text: str, at: int) -> tuple[int, bool, int]:
    """Where the statement ends, whether it is doubtful, and where the next one may begin."""
    depth = bodies = 0
    spans = False
    while (token := _TOKEN.search(text, at)) is not None:
        kind, at = token.lastgroup, _token_end(text, token)
        if kind == "end" and depth <= 0 and bodies == 0:
            return token.start(), spans, at
        if kind == "meta":
            return token.start(), spans, at
        spans = spans or (kind == "text" and ";" in token.group() and _END_OF_LINE.search(token.group()) is not None)
        depth += (kind == "open") - (kind == "close")
        if kind == "word":
            bodies = _bodies(token.group().lower(), bodies)
    return len(text), spans or depth > 0 or bodies > 0, len(text)


def _bodies(word: str, bodies: int) -> int:
    if word.startswith("begin"):
        return bodies + 1
    return bodies if bodies == 0 else bodies + (1 if word == "case" else -1)


def _token_end(text: str, token: re.Match[str]) -> int:
    if token.lastgroup == "block":
        return _block_end(text, token.start())
    if token.lastgroup == "dollar":
        found = text.find(token.group(), token.end())
        return token.end() if found < 0 else found + len(token.group())
    return token.end()


def _block_end(text: str, at: int) -> int:
    depth = 0
    for edge in _BLOCK_EDGE.finditer(text, at):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(text)


def resume(text: str, piece: Piece, error: int) -> int:
    """Where to go on after a piece that the parser refuses at ``error``: behind it, or earlier when it swallowed others."""
    at = max(error, piece.start)
    while piece.doubtful and at < piece.end:
        found = _END_OF_LINE.search(text, at, piece.end)
        if found is None:
            break
        body = _dollar_body(text, at, found.start())
        if body is None:
            return found.start() + 1
        at = body
    return piece.end


def _dollar_body(text: str, at: int, before: int) -> int | None:
    """The end of a dollar-quoted text that begins before ``before`` and ends behind it."""
    while (token := _TOKEN.search(text, at, before)) is not None:
        if token.lastgroup == "dollar":
            at = _token_end(text, token)
            if at > before:
                return at
        else:
            at = token.end()
    return None
