"""Is there a row whose value does not convert to the new shape?

Asked of the rows themselves, not of the list the triggers keep: a row's key may have changed since it was listed. Rows that
do not convert back (a value only the new type can hold) are rightful once reads are switched, and block undo, not contract.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from psycopg.sql import SQL, Composed, Identifier

from orchestrator.checks import _sql
from orchestrator.checks._judge import DATA_GATES, compared
from orchestrator.core.plan import Plan
from orchestrator.core.ports import Examiner
from orchestrator.core.sync import Mirror, Part
from state.model import Finding, GateName


class NoRejectedRows:
    """Counts rows with an old value and no new one, whose conversion raises."""

    name = "no_rejected_rows"
    gates = DATA_GATES

    def findings(self, plan: Plan, gate: GateName, reader: Examiner) -> Iterator[Finding]:
        """One Finding per Mirror with a conversion."""
        for mirror in plan.mirrors():
            if any(part.value is not None for part in mirror.news):
                yield rejected(reader, mirror, "up")


def rejected(
    reader: Examiner, mirror: Mirror, direction: Literal["up", "down"], parked: Mapping[str, str] | None = None
) -> Finding:
    """Rows that hold one shape and not the other, since a conversion raises or yields NULL where none may stand.

    ``parked`` are the present names of old columns.
    """
    names = parked or {}
    olds = tuple(names.get(column, column) for column in mirror.old_columns)
    up = direction == "up"
    parts = mirror.news if up else mirror.olds
    into, sources = (mirror.new_columns, olds) if up else (olds, mirror.new_columns)
    condition = _rejected(parts, into, sources, names)
    name = f"no_rejected_rows:{mirror.table}.{'+'.join(sources)}"
    return compared(
        reader,
        _sql.comparison(name, mirror.table, mirror.key, condition),
        f"rows do not convert to {', '.join(into)}",
    )


def _rejected(
    parts: tuple[Part, ...], into: tuple[str, ...], sources: tuple[str, ...], parked: Mapping[str, str]
) -> Composed:
    needed = [SQL("{} IS NULL").format(Identifier(c)) for c, part in zip(into, parts, strict=True) if part.required]
    raises = SQL("{e} AND NOT {s} AND {fails}").format(
        e=_sql.nulls(into), s=_sql.nulls(sources), fails=_sql.fails(parts, parked)
    )
    return _sql.either([*needed, raises])


plugin = NoRejectedRows()
