"""The Steps by which a key goes over to another column.

Why it exists: a primary key, the foreign keys to it and the numbers it is given must change hands without an instant in which
any of them is missing. Each of these Steps is one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestrator.core.catalog import Sequence, TableName


@dataclass(frozen=True, slots=True)
class KeyReference:
    """A foreign key to the key that goes, and its ``twin``, which refers to the one that comes."""

    table: TableName
    name: str
    twin: str


@dataclass(frozen=True, slots=True)
class SwapPrimaryKey:
    """The primary key over ``columns`` ends, with the foreign keys to it, and one over ``copied`` takes its name.

    ``index`` is the unique index that becomes it, and takes the name, too. Undo drops the twins of the foreign keys and makes the
    old key again of the index ``parked``, which was built again before, as ``index`` was.
    """

    table: TableName
    name: str
    columns: tuple[str, ...]
    copied: tuple[str, ...]
    index: str
    parked: str
    comment: str | None = None
    references: tuple[KeyReference, ...] = ()
    kind: Literal["swap_primary_key"] = "swap_primary_key"


@dataclass(frozen=True, slots=True)
class MoveDefault:
    """What fills ``column`` where a writer leaves it out fills ``to`` from here on.

    ``default`` is what ``to`` gets, ``previous`` what ``column`` has; with ``identity`` both are identities. The ``sequence``
    that belongs to the column goes along: no number is given twice, also when undone. It is of ``numbers`` afterwards.
    """

    table: TableName
    column: str
    to: str
    default: str | None = None
    previous: str | None = None
    identity: Literal["ALWAYS", "BY DEFAULT"] | None = None
    sequence: Sequence | None = None
    numbers: str | None = None
    kind: Literal["move_default"] = "move_default"
