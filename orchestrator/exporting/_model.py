"""What every tool's files are made of: the order, the comments, and how a Unit is called.

Why it exists: what must be told beside a migration (which phase, what going back costs) is told alike in every format.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orchestrator.core.exported import Exported, Unit

NO_DOWN = "SELECT 1"


@dataclass(frozen=True, slots=True)
class Start:
    """Where the team's history stands: ``after`` is its last migration, ``now`` begins what is numbered by time."""

    now: datetime
    after: str | None = None


Files = dict[str, str]
"""Path below the directory → text."""
Write = Callable[[Exported, Start], Files]


Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a tool's own table says: the Units (by number) that it has run, ``at`` in words, and what is wrong with it."""

    units: frozenset[int]
    at: str
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """The table in which a tool keeps what it has run; ``columns`` tell it from another tool's table of that name.

    ``read`` understands its rows (``columns`` in order), given the versions that the files bear, by Unit, where those are known;
    None where they say nothing of this Change.
    """

    table: str
    columns: tuple[str, ...]
    read: Callable[[Exported, Sequence[Row], Sequence[str]], Ledger | None]


@dataclass(frozen=True, slots=True)
class Tool:
    """A plug-in of this room. ``how`` says in a sentence how its files are run; ``history`` is where it keeps that they were.

    ``versions`` are those its files bear, by Unit, where they do not follow from the Plan and must be remembered.
    """

    write: Write
    how: str
    history: History | None = None
    versions: Callable[[Exported, Start], tuple[str, ...]] | None = None


def numbered(exported: Exported) -> Iterator[tuple[int, str, str, Unit]]:
    """Each Unit with its number from one, its folder, and a name made of its title."""
    places = {phase: number for number, (phase, _) in enumerate(exported.commits, 1)}
    for number, unit in enumerate(exported.units, 1):
        yield number, f"{places[unit.phase]}-{unit.phase}", _slug(unit.title), unit


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:48].rstrip("_")


def stamp(start: Start, number: int) -> str:
    """A version made of time, one second apart."""
    return (start.now + timedelta(seconds=number)).strftime("%Y%m%d%H%M%S")


def comments(unit: Unit) -> str:
    """What stands above the SQL: phase, what it does, what going back costs."""
    lines = [f"{unit.phase}: {unit.title}", *([f"Rollback note: {unit.rollback}"] if unit.rollback else [])]
    lines += ["Alone, outside of a transaction."] if unit.alone else []
    lines += [f"If an attempt was broken off, first: {each}" for each in unit.repair]
    return "".join(f"-- {' '.join(line.split())}\n" for line in lines)


def script(statements: tuple[str, ...], *, transaction: bool = False) -> str:
    """Statements as a file, ``transaction`` saying that it opens and ends one by itself."""
    every = ("BEGIN", *statements, "COMMIT") if transaction and len(statements) > 1 else statements
    return "".join(f"{each.strip().removesuffix(';')};\n" for each in every or (NO_DOWN,))
