"""The verdicts of an observation, and the looks that several kinds of Step share.

Why it exists: the Registry only believes; the catalog knows. Every recovery, and every gate, asks here (design §5).
"""

from __future__ import annotations

from typing import Any

from orchestrator.core.catalog import TableName
from orchestrator.core.ports import Observation, Seen
from orchestrator.dialects.postgres.kinds import Look
from orchestrator.dialects.postgres.snapshot import columns_now, quoted_name

DONE = Observation(Seen.DONE)
ABSENT = Observation(Seen.ABSENT)

Columns = dict[str, tuple[str, bool, str | None]]


def foreign(detail: str) -> Observation:
    """What only a person can judge: the name is taken by something else, or what the Step is about is gone."""
    return Observation(Seen.FOREIGN, detail)


def partial(detail: str) -> Observation:
    """A part of the effect stands, or it stands broken; sending the Step again completes it."""
    return Observation(Seen.PARTIAL, detail)


def columns(look: Look, where: TableName) -> Columns:
    """Column → (type, NOT NULL, default) of the table now; empty when there is none."""
    return columns_now(look.connection, where)


def missing(found: dict[str, Any], where: TableName, *names: str) -> Observation | None:
    """Foreign where the table or one of the columns is gone, else None."""
    if not found:
        return foreign(f"table {where} is gone")
    gone = [name for name in names if name not in found]
    return foreign(f"{where} has no column {', '.join(gone)}") if gone else None


_CONSTRAINT = """
SELECT convalidated, contype::text FROM pg_catalog.pg_constraint
 WHERE conrelid = pg_catalog.to_regclass(%s) AND conname = %s
"""


def constraint(look: Look, where: TableName, name: str) -> tuple[bool, str] | None:
    """(validated, type) of a constraint."""
    row = look.row(_CONSTRAINT, quoted_name(where), name)
    return None if row is None else (row[0], row[1])
