"""The Steps that make an identity column of one that is there; members of the union in ``step.py``.

Why it exists: an identity column added at once numbers every row under ACCESS EXCLUSIVE. So a column is numbered by a sequence
for the time being, and takes that sequence's place as an identity when every row has its number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestrator.core.catalog import TableName


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """A sequence for the time being, of the column's ``type``, and its next number as the default for rows to come."""

    table: TableName
    column: str
    type: str
    sequence: TableName
    kind: Literal["number_column"] = "number_column"


@dataclass(frozen=True, slots=True)
class MakeIdentity:
    """ADD GENERATED … AS IDENTITY on a column that NumberColumn numbers; its sequence goes on where that one stood."""

    table: TableName
    column: str
    type: str
    sequence: TableName
    always: bool
    kind: Literal["make_identity"] = "make_identity"
