"""What operations that add or drop a constraint share: names, refusals, and the Steps of NOT VALID, then VALIDATE.

Why it exists: a constraint that an old version's write could break is added when that version is gone, without a scan under a
strong lock, after the rows that break it were named.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.core.catalog import Table, TableName
from orchestrator.core.errors import PlanRefused
from orchestrator.core.plan import PlannedStep
from orchestrator.core.step import AddConstraint, Rule, ValidateConstraint


def free_name(table: Table, name: str) -> None:
    """Refuse the name of a constraint or index that the table has. Raises PlanRefused."""
    taken = [c.name for c in table.constraints if not c.inbound] + [index.name for index in table.indexes]
    if name in taken:
        raise PlanRefused(f"{table.name} has a constraint or index {name} already", "choose another name:")


def added(
    table: Table, name: str, definition: str, rule: Rule, references: TableName | None = None
) -> Iterator[PlannedStep]:
    """Hold new rows to it, then prove it of the rows that are there; both in contract."""
    add = AddConstraint(table.name, name, definition, references=references, rule=rule)
    yield PlannedStep("contract", add, f"hold new rows of {table.name} to {name}")
    yield PlannedStep("contract", ValidateConstraint(table.name, name), f"prove {name} for all rows of {table.name}")


def notes(table: Table, name: str, breaks: str) -> tuple[str, ...]:
    """What the operator must know."""
    return (
        f"from contract on, writes that break {name} of {table.name} fail ({breaks}); contract waits while a row does",
        f"contract completes what adds {name}; to go back, drop_constraint it by another change",
    )
