"""What a format is: Source, Format, and which of them reads a file.

Why it exists: formats are told apart by what lies where, and must not touch the disk to say so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import PurePath

from orchestrator.dialects.postgres.script.sent import Script
from orchestrator.dialects.postgres.script.splitting import comments
from orchestrator.plugins import discover

ROOM = "orchestrator.formats"
_NOTE = re.compile(r"\broll[ -]?back\b[^\n:]*:[ \t]*\S", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Source:
    """A file and what surrounds it. ``beside`` gives the text of another file by its path from the same directory, None where
    there is none; ``names`` are those of the directory.
    """

    path: PurePath
    text: str
    beside: Callable[[str], str | None] = lambda name: None
    names: Callable[[], Collection[str]] = tuple


@dataclass(frozen=True, slots=True)
class Format:
    """``tool`` is its name for people. ``fits`` says how surely a file is one of the tool's: 0 not at all, 1 where nothing better
    does, 2 by its name or its place. ``read`` gives what the file sends in a release; None for what no release runs, such as a
    down migration. ``suffixes`` are those of its files.
    """

    tool: str
    suffixes: tuple[str, ...]
    fits: Callable[[Source], int]
    read: Callable[[Source], Script | None]


def format_of(source: Source, least: int = 1) -> Format | None:
    """The format that fits best, if one fits so surely."""
    every: list[Format] = [each for each in discover(ROOM).values() if source.path.suffix.lower() in each.suffixes]
    fitting = [(each.fits(source), each) for each in every]
    best, found = max(fitting, key=lambda pair: pair[0], default=(0, None))
    return found if best >= least else None


def says_rollback(text: str) -> bool:
    """Whether a comment of the SQL says how to go back."""
    if _NOTE.search(text) is None:
        return False
    return any(_NOTE.search(text, start, end) for start, end in comments(text))


def is_note(comment: str) -> bool:
    """Whether a comment says how to go back."""
    return _NOTE.search(comment) is not None
