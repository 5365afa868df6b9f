"""The real drop: the Sync and the parked column, together."""

from __future__ import annotations

from orchestrator.core.parkstep import PurgeColumn
from orchestrator.core.ports import Observation, Seen
from orchestrator.dialects.postgres import sync
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._alter import alter, exclusive, locked
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, columns, missing, partial
from orchestrator.dialects.postgres.steps._sync import other_type, sync_state
from orchestrator.dialects.postgres.text import Composed, fill, joined, name


def _render(step: PurgeColumn) -> Rendered:
    gone = sync.removed(step.sync) if step.sync is not None else ()
    drop = alter(step.table, "{drops}", drops=joined(", ", [_dropped(column) for column in step.columns]))
    note = "none: the parked values are dropped"
    return Rendered(((locked(step.table), *gone, drop),), exclusive(step.table), (), note)


def _dropped(column: str) -> Composed:
    return fill("DROP COLUMN IF EXISTS {c}", c=name(column))


def _observe(look: Look, step: PurgeColumn) -> Observation:
    found = columns(look, step.table)
    if (wrong := missing(found, step.table)) is not None:
        return wrong
    there = [column for column in step.columns if column in found]
    if there:
        return other_type(found, step.table, step.columns, step.sync) or (
            ABSENT if len(there) == len(step.columns) else partial(f"{step.table} has only {', '.join(there)} left")
        )
    if step.sync is not None and sync_state(look, step.sync).seen is not Seen.ABSENT:
        return partial(f"{step.table}.{', '.join(step.columns)} is gone, and its sync still stands")
    return DONE


plugin = Kind(_render, _observe)
