"""Contract's reversible half of dropping a table: it is renamed away, and everything that hangs on it goes with it."""

from __future__ import annotations

from orchestrator.core.catalog import TableName
from orchestrator.core.parkstep import ParkTable
from orchestrator.core.ports import Observation
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._alter import alter, exclusive
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, TABLES, foreign, gone, relation
from orchestrator.dialects.postgres.text import name


def _render(step: ParkTable) -> Rendered:
    forward = alter(step.table, "RENAME TO {n}", n=name(step.parked))
    undo = alter(TableName(step.table.schema, step.parked), "RENAME TO {n}", n=name(step.table.name))
    return Rendered(((forward,),), exclusive(step.table), ((undo,),), "refused while another relation has its name")


def _observe(look: Look, step: ParkTable) -> Observation:
    """By the parked name, which nobody else gives: the table's own may have been taken by another one meanwhile."""
    parked = relation(look, TableName(step.table.schema, step.parked))
    if parked is not None:
        return DONE if parked in TABLES else foreign(f"{step.parked} is no table")
    found = relation(look, step.table)
    if found is not None:
        return ABSENT if found in TABLES else foreign(f"{step.table} is no table")
    purged = look.marked()  # the park took effect once, so purge was next
    return DONE if purged else gone(f"table {step.table} is gone")


plugin = Kind(_render, _observe)
