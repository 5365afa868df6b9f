"""Text for terminals: colour where it is wanted, cleaned of what others wrote into it, wrapped to the width.

Why it exists: titles, reasons and error texts come from other people and from databases; an escape sequence among them
must not reach the operator's terminal. And colour must never be the only carrier of a meaning.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def colourful() -> bool:
    """Whether standard output is a terminal that wants colour (https://no-color.org)."""
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted and sys.stdout.isatty()


def paint(text: str, style: str) -> str:
    """``text`` in a style of ``_CODES``, or as it is."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if style and colourful() else text


def clean(text: object) -> str:
    """``text`` on one line without control characters, whoever wrote it."""
    return "".join(c if c.isprintable() else " " for c in str(text))


def clean_lines(text: str) -> list[str]:
    """The lines of a longer text, each cleaned."""
    return [clean(line.expandtabs(4)) for line in text.splitlines()]


def width() -> int:
    """Columns to fill: the terminal's, or 80."""
    return max(40, shutil.get_terminal_size((80, 24)).columns)


def wrapped(text: object, indent: int, first: str = "") -> list[str]:
    """``text`` cleaned and wrapped, ``first`` standing in the first line's indent."""
    return textwrap.wrap(
        clean(text),
        width(),
        initial_indent=first.ljust(indent),
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
    ) or [first]


def out(lines: str | Iterable[str]) -> None:
    """Write to standard output: this is the data."""
    text = lines if isinstance(lines, str) else "\n".join(lines)
    print(text, flush=True)  # noqa: T201 - the one place that does


def note(text: str) -> None:
    """Write to standard error: this is for people."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the one place that does
