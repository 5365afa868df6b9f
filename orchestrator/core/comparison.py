"""A question asked of every row of a table, and what the answers of its ranges add up to.

Why it exists: one statement over a large table holds a snapshot for as long as it reads, and VACUUM waits for it everywhere. So a
full comparison goes through the table range by range, in the order of its key, each range a statement of its own.

Why that is sound while the application writes: each row is judged as it stood at one instant, and while the sync stands every
write of one of its columns leaves a row that agrees. What was right when its range was read is right at the end; what was wrong
stays wrong until somebody repairs it. Whoever looks proves that the sync stood throughout by its identity in the catalog, before
and after (``Standing``). A row that comes into a range which is behind already (its key was changed, or it was inserted past the
sync) was written since the look began: a clean walk is followed by one over those rows, known by their xmin. What both walks can
miss is a row that was wrong before the first and changes its key twice, past either of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.core.catalog import TableName
from orchestrator.core.sync import Argument

SAMPLES = 5
"""Keys shown of what does not pass: the first ones bytewise, so that they are the same however the table was cut."""
Position = tuple[str, ...]
"""The last key of a range, as text."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One question. ``counting`` makes, of a condition in SQL, a query over the rows that meet it.

    It gives one row: how many rows there are, how many of them fail, the first keys of those, and how many pass only just.
    ``definition`` is that query over all rows. ``home`` looks names up in the table's schema, as for a change's own expressions.
    ``whole``: rows are compared with each other, which only one statement over all of them can do.
    """

    name: str
    table: TableName
    key: tuple[Argument, ...]
    counting: Callable[[Any], Any]
    definition: str
    home: bool = False
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """Where and under what a Comparison is made.

    ``server`` is for people. ``identity`` changes with whatever would make half a result worthless: the server's life, the
    table, the catalog rows of its sync. ``moment`` is a transaction id: rows written later bear a later one. ``ordered`` says
    that the key can lead through all rows, ``rows`` is how many there are about. ``schemas`` hold the key's types.
    """

    server: str
    identity: str
    moment: str
    ordered: bool
    rows: int | None
    schemas: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted: ``wrong`` rows fail, ``aside`` pass only just."""

    rows: int = 0
    wrong: int = 0
    samples: tuple[str, ...] = ()
    aside: int = 0

    def plus(self, other: Tally) -> Tally:
        """Both together."""
        samples = tuple(sorted({*self.samples, *other.samples})[:SAMPLES])
        return Tally(self.rows + other.rows, self.wrong + other.wrong, samples, self.aside + other.aside)


@dataclass(frozen=True, slots=True)
class Part:
    """The answer of one range. ``end`` is its last key; None when it had no end, and was the last."""

    end: Position | None
    tally: Tally


@dataclass(frozen=True, slots=True)
class Walk:
    """How far a Comparison has come. ``late``: it goes over the rows that were written since it began."""

    moment: str
    position: Position | None = None
    tally: Tally = Tally()
    late: bool = False
    done: bool = False

    def after(self, part: Part) -> Walk:
        """The Walk one range further on. What came late adds its faults, not its rows: those were counted before."""
        if self.late:
            extra = replace(part.tally, rows=0, aside=0)
            return replace(self, position=part.end, tally=self.tally.plus(extra), done=part.end is None)
        tally = self.tally.plus(part.tally)
        if part.end is not None:
            return replace(self, position=part.end, tally=tally)
        alone = self.position is None  # the whole table in one statement: one snapshot, nothing can have come late
        finished = alone or tally.wrong > 0
        return replace(self, position=None, tally=tally, late=not finished, done=finished)


@dataclass(frozen=True, slots=True)
class Compared:
    """The result. ``seconds`` were spent on it by whoever finished it."""

    tally: Tally
    server: str
    seconds: float


def footing(comparison: Comparison, standing: Standing) -> Mapping[str, Any]:
    """What half a result rests on: under any other it is worth nothing."""
    return {
        "definition": comparison.definition,
        "key": [[each.name, each.type] for each in comparison.key],
        "identity": standing.identity,
    }
