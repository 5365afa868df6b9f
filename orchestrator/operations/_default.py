"""The default of a column for rows to come: what setting another one and dropping it share.

Why it exists: old versions that leave the column out rely on what they get. So a default that they may notice changes only
when they are gone; where nobody can have left the column out, it may change at once.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.core.catalog import Column, Table
from orchestrator.core.errors import PlanRefused
from orchestrator.core.plan import Draft, PhaseName, PlannedStep
from orchestrator.core.step import SetDefault
from orchestrator.operations import _table


def draft(table: Table, column: Column, default: str | None) -> Draft:
    """The one Step, in its phase. Raises PlanRefused."""
    _table.alone(table, partitioned=True)
    _table.nothing_own(table, column, "default of")
    _table.not_in_sync(table, column)
    if column.identity or column.generated:
        kind = "an identity" if column.identity else "a generated"
        raise PlanRefused(
            f"{table.name}.{column.name} is {kind} column, which has no default",
            "ALTER COLUMN … DROP IDENTITY or DROP EXPRESSION first, while no version relies on it",
        )
    phase: PhaseName = "expand" if column.not_null and column.default is None else "contract"
    words = f"default {default}" if default is not None else "no default"
    step = SetDefault(table.name, column.name, default, column.default)
    planned = PlannedStep(phase, step, f"{table.name}.{column.name}: {words} for rows to come")
    return Draft((planned,), tuple(_notes(table, column, default, phase)))


def _notes(table: Table, column: Column, default: str | None, phase: PhaseName) -> Iterator[str]:
    where = f"{table.name}.{column.name}"
    if phase == "contract":
        now = column.default or "NULL"
        yield f"until contract, writers that leave {where} out get {now}: new versions name it until then"
        yield f"contract completes the change of {where}'s default: to go back, set {now} again by another change"
    if default is None and column.not_null:
        yield f"from contract on, writes that leave {where} out fail (23502)"
