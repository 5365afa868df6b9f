"""How far full comparisons have come: kept while they run, forgotten once their Evidence is kept.

Why it exists: a comparison of a large table takes long. Whoever waits wants to see it move, and whoever comes after a kill goes
on where it stood. It is no part of the history: what counts is Evidence.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from state import rows, tables
from state.model import ComparisonRow, GateName

_column = tables.comparison.c
_KEY = ("change_id", "gate", "name")


def save(connection: Connection, row: ComparisonRow) -> None:
    """Write where it stands; ``updated_at`` is the database's."""
    values: dict[str, Any] = {**asdict(row), "gate": row.gate.value, "updated_at": func.clock_timestamp()}
    values["samples"] = list(row.samples)
    values["position"] = None if row.position is None else list(row.position)
    query = insert(tables.comparison).values(**values)
    fresh = {name: query.excluded[name] for name in values if name not in _KEY}
    connection.execute(query.on_conflict_do_update(index_elements=_KEY, set_=fresh))


def forget(connection: Connection, change_id: str, gate: GateName) -> None:
    """Remove those of a Gate: what they found is kept as Evidence, or is worth nothing."""
    connection.execute(delete(tables.comparison).where(_column.change_id == change_id, _column.gate == gate.value))


def standing(connection: Connection, change_id: str, gate: GateName, name: str) -> ComparisonRow | None:
    """Where one stands, if it was begun."""
    about = (_column.change_id == change_id, _column.gate == gate.value, _column.name == name)
    found = connection.execute(select(tables.comparison).where(*about)).one_or_none()
    return None if found is None else rows.comparison_row(found)
