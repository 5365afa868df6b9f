"""Lines of text that are exactly as wide as the screen.

Why it exists: every view is built as plain values, so that it can be tested without a terminal and cannot break a
layout. A Line is a row of spans; a span is text with a Role, never a colour. Text from databases and people may hold
anything, so whatever does not fill one or two cells is shown as ``?``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import lru_cache

from rich.cells import cell_len


class Role(StrEnum):
    """What a span means; the theme decides how that looks."""

    PLAIN = "plain"
    TITLE = "title"
    MUTED = "muted"
    GOOD = "good"
    BAD = "bad"
    WARN = "warn"
    MOVE = "move"


Span = tuple[str, Role]
Line = tuple[Span, ...]

ASCII = str.maketrans("✔✖▶■‖◷·█░◌▁▂▃▄▅▆▇", "+x>=!~.#-o_,:;*%@")
"""The fallback for terminals and fonts without our glyphs."""


@lru_cache(maxsize=8192)
def _visible(character: str) -> str:
    if unicodedata.category(character)[0] in "CMZ" and character != " ":
        return " " if character in "\t\n\r\u00a0" else "?"
    return character if cell_len(character) in (1, 2) else "?"


def clean(text: str) -> str:
    """``text`` on one line, in which every character fills one or two cells."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(character) for character in unicodedata.normalize("NFC", text))


def ascii_only(text: str) -> str:
    """Clean ``text`` in ASCII, cell for cell."""
    if text.isascii():
        return text
    return "".join(c if c.isascii() else "?" * cell_len(c) for c in text.translate(ASCII))


def crop(text: str, width: int) -> str:
    """The longest start of clean ``text`` that fits into ``width`` cells."""
    if len(text) <= width and text.isascii():
        return text
    used = 0
    for index, character in enumerate(text):
        used += cell_len(character)
        if used > width:
            return text[:index]
    return text


def pad(text: str, width: int, *, right: bool = False) -> str:
    """``text`` cleaned, cropped and padded to exactly ``width`` cells."""
    fitted = crop(clean(text), max(width, 0))
    space = " " * (max(width, 0) - cell_len(fitted))
    return space + fitted if right else fitted + space


def line(width: int, *spans: Span) -> Line:
    """A Line of exactly ``width`` cells."""
    left, out = max(width, 0), []
    for text, role in spans:
        fitted = crop(clean(text), left)
        if fitted:
            out.append((fitted, role))
            left -= cell_len(fitted)
    if left:
        out.append((" " * left, Role.PLAIN))
    return tuple(out)


def text_of(spans: Iterable[Span]) -> str:
    """The bare text of a Line."""
    return "".join(text for text, _ in spans)


def wrap(text: str, width: int) -> list[str]:
    """``text`` in pieces of at most ``width`` cells, broken at spaces where there are any; nothing is left out."""
    room = max(width, 2)
    return [piece for part in text.splitlines() or [""] for piece in _wrap_one(clean(part), room)]


def _wrap_one(text: str, width: int) -> Iterator[str]:
    rest = text
    while True:
        piece = crop(rest, width)
        if len(piece) == len(rest):
            yield rest
            return
        space = piece.rfind(" ")
        if rest[len(piece)] != " " and space > width // 3:
            piece = piece[:space]
        yield piece
        rest = rest[len(piece) :].lstrip(" ")


def paragraph(width: int, text: str, role: Role = Role.PLAIN, *, lead: Span = ("", Role.PLAIN)) -> list[Line]:
    """``text`` wrapped to ``width``: ``lead`` begins the first line, the others are indented as deep.

    A lead that would take more than half of the width has a line of its own.
    """
    indent = cell_len(clean(lead[0]))
    if indent > width // 2:
        return [line(width, lead), *paragraph(width, text, role, lead=("    "[: width // 4], role))]
    rest = (" " * indent, Role.PLAIN)
    pieces = wrap(text, width - indent)
    return [line(width, rest if index else lead, (piece, role)) for index, piece in enumerate(pieces)]
