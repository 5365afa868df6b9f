"""The real drop of a parked table, with everything that hangs on it."""

from __future__ import annotations

from orchestrator.core.catalog import TableName
from orchestrator.core.parkstep import PurgeTable
from orchestrator.core.ports import Observation
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._alter import exclusive
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, TABLES, foreign, relation
from orchestrator.dialects.postgres.text import fill, table


def _render(step: PurgeTable) -> Rendered:
    drop = fill("DROP TABLE IF EXISTS {t}", t=table(_parked(step)))
    return Rendered(((drop,),), exclusive(_parked(step)), (), "none: the parked rows are dropped")


def _parked(step: PurgeTable) -> TableName:
    return TableName(step.table.schema, step.parked)


def _observe(look: Look, step: PurgeTable) -> Observation:
    found = relation(look, _parked(step))
    if found is None:
        return DONE
    return ABSENT if found in TABLES else foreign(f"{_parked(step)} is no table")


plugin = Kind(_render, _observe)
