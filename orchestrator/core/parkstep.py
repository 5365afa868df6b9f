"""The Steps that take an old shape out of use before it is dropped; members of the union in ``step.py``.

Why it exists: what contract takes away must be able to come back until purge, so it is parked under another name first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestrator.core.catalog import TableName
from orchestrator.core.sync import Sync


@dataclass(frozen=True, slots=True)
class Rename:
    """One index or constraint that takes another name."""

    object: Literal["index", "constraint"]
    name: str
    to: str


@dataclass(frozen=True, slots=True)
class Parked:
    """A column and the name it bears while it is parked."""

    column: str
    parked: str


@dataclass(frozen=True, slots=True)
class ParkColumn:
    """Contract's reversible half: rename the old column (and those ``also`` of its shape) away, in one short transaction.

    The sync's functions are rewritten to the parked name; the default and names of indexes and constraints move over.
    ``default`` is what the new column gets, ``previous`` what undo gives the old one back; ``defaults`` (column, expression) are
    what new columns get while the old ones keep theirs.
    """

    table: TableName
    column: str
    parked: str
    sync: Sync | None = None
    new: str | None = None
    default: str | None = None
    previous: str | None = None
    sequence: str | None = None
    renames: tuple[Rename, ...] = ()
    also: tuple[Parked, ...] = ()
    defaults: tuple[tuple[str, str], ...] = ()
    kind: Literal["park_column"] = "park_column"

    @property
    def columns(self) -> tuple[Parked, ...]:
        """All that is parked."""
        return (Parked(self.column, self.parked), *self.also)


@dataclass(frozen=True, slots=True)
class PurgeColumn:
    """The real drop: triggers, functions and the parked column (and those ``also`` of its shape), together."""

    table: TableName
    column: str
    sync: Sync | None = None
    also: tuple[str, ...] = ()
    kind: Literal["purge_column"] = "purge_column"

    @property
    def columns(self) -> tuple[str, ...]:
        """All that is dropped, under the parked names."""
        return (self.column, *self.also)


@dataclass(frozen=True, slots=True)
class ParkTable:
    """Contract's reversible half: rename a table away. All that hangs on it stays with it."""

    table: TableName
    parked: str
    kind: Literal["park_table"] = "park_table"


@dataclass(frozen=True, slots=True)
class PurgeTable:
    """The real drop of a table, which has been parked under the name ``parked``."""

    table: TableName
    parked: str
    kind: Literal["purge_table"] = "purge_table"
