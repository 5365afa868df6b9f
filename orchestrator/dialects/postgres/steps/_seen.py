"""The verdicts of an observation, and the looks that several kinds of Step share.

Why it exists: the Registry only believes; the catalog knows. Every recovery, and every gate, asks here (design §5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from orchestrator.core.catalog import TableName
from orchestrator.core.ports import Observation, Seen
from orchestrator.dialects.postgres import definitions
from orchestrator.dialects.postgres.kinds import Look
from orchestrator.dialects.postgres.snapshot import columns_now, quoted_name
from orchestrator.dialects.postgres.steps._same import same_definition
from orchestrator.dialects.postgres.text import fill, name, text

DONE = Observation(Seen.DONE)
ABSENT = Observation(Seen.ABSENT)

Columns = dict[str, tuple[str, bool, str | None]]


def foreign(seen: str, expected: str = "") -> Observation:
    """What only a person can judge: the name is taken by something else, or what the Step is about is gone."""
    return Observation(Seen.FOREIGN, f"{seen}, expected {expected}" if expected else seen)


def gone(seen: str) -> Observation:
    """What the Step is about is no more: a person must look before it is brought about, and nothing is left to undo."""
    return Observation(Seen.FOREIGN, seen, gone=True)


def partial(detail: str) -> Observation:
    """A part of the effect stands, or it stands broken; sending the Step again completes it."""
    return Observation(Seen.PARTIAL, detail)


def relation(look: Look, where: TableName) -> str | None:
    """pg_class.relkind of the relation of that name; None when there is none."""
    query = "SELECT c.relkind::text FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass(%s)"
    row = look.row(query, quoted_name(where))
    return None if row is None else str(row[0])


TABLES = ("r", "p")
"""pg_class.relkind of what holds rows: an ordinary table, or one that is partitioned."""


def columns(look: Look, where: TableName) -> Columns:
    """Column → (type, NOT NULL, default) of the table now; empty when there is none."""
    return columns_now(look.connection, where)


def missing(found: dict[str, Any], where: TableName, *names: str) -> Observation | None:
    """Foreign, and gone, where the table or one of the columns is no more, else None."""
    if not found:
        return gone(f"table {where} is gone")
    without = [name for name in names if name not in found]
    return gone(f"{where} has no column {', '.join(without)}") if without else None


_PART = re.compile(r'"((?:[^"]|"")*)"|([^".]+)')


def same_type(found: str, wanted: str) -> bool:
    """Whether two spellings name one type: the server quotes only where it must."""
    return found == wanted or _parts(found) == _parts(wanted)


def _parts(spelled: str) -> list[str]:
    return [quoted.replace('""', '"') or plain for quoted, plain in _PART.findall(spelled)]


_CONSTRAINT = """
SELECT convalidated, contype::text, pg_catalog.pg_get_constraintdef(oid) FROM pg_catalog.pg_constraint
 WHERE conrelid = pg_catalog.to_regclass(%s) AND conname = %s
"""


@dataclass(frozen=True, slots=True)
class Found:
    """A constraint as the catalog has it; ``kind`` is pg_constraint.contype."""

    validated: bool
    kind: str
    definition: str


def constraint(look: Look, where: TableName, label: str) -> Found | None:
    """The constraint of that name, if the table has one."""
    row = look.row(_CONSTRAINT, quoted_name(where), label)
    return None if row is None else Found(*row)


def other_constraint(look: Look, where: TableName, label: str, wanted: str) -> Observation | None:
    """Foreign where a constraint of that name stands and says something else than ``wanted``, else None."""
    found = constraint(look, where, label)
    if found is None or _same_constraint(look, where, wanted, found.definition):
        return None
    return foreign(f"constraint {label} of {where} is {found.definition}", wanted)


def _same_constraint(look: Look, where: TableName, wanted: str, found: str) -> bool:
    try:
        return same_definition(look, where, definitions.constraint(wanted), definitions.constraint(found))
    except definitions.Unreadable:
        return False


def not_null_proof(column: str) -> str:
    """The CHECK that stands for NOT NULL until all rows are known to obey it."""
    return text(fill("CHECK ({c} IS NOT NULL)", c=name(column)))
