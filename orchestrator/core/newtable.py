"""The parts of a table that a Step makes: columns, keys, checks, references, and how long making one may block.

Why it exists: a table is described as data, so that every dialect can spell it and find it again in its own catalog.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestrator.core.catalog import TableName


@dataclass(frozen=True, slots=True)
class NewColumn:
    """One column of a table that is made; ``generated`` is the expression of a stored one."""

    name: str
    type: str
    not_null: bool = False
    default: str | None = None
    identity: bool = False
    generated: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A primary key or a unique constraint of a table that is made."""

    name: str
    columns: tuple[str, ...]
    primary: bool = False
    kind: Literal["key"] = "key"


@dataclass(frozen=True, slots=True)
class NewCheck:
    """A CHECK of a table that is made."""

    name: str
    expression: str
    kind: Literal["check"] = "check"


@dataclass(frozen=True, slots=True)
class NewReference:
    """A foreign key of a table that is made; actions are spelled as in SQL."""

    name: str
    columns: tuple[str, ...]
    references: TableName
    to: tuple[str, ...]
    on_delete: str = "no action"
    on_update: str = "no action"
    kind: Literal["reference"] = "reference"


@dataclass(frozen=True, slots=True)
class Bound:
    """How long everybody may be blocked, where nothing else leads there: over so many rows, for so many milliseconds."""

    rows: int
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Computed:
    """What computes a new column: kept in the row (``stored`` within its bound), or computed when read (None)."""

    expression: str
    stored: Bound | None = None
