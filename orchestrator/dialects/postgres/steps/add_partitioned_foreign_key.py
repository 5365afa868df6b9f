"""ADD FOREIGN KEY of a partitioned table before PostgreSQL 18: on each partition NOT VALID, proved there, then on the whole."""

from __future__ import annotations

from orchestrator.core.partitioned import AddPartitionedForeignKey
from orchestrator.core.ports import Observation
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._leaves import added, added_lock, back, dropped, onward, state
from orchestrator.dialects.postgres.steps._seen import columns, gone


def _render(step: AddPartitionedForeignKey) -> Rendered:
    return Rendered(added(step), added_lock(step), (dropped(step),), scans=True, concurrent=True)


def _observe(look: Look, step: AddPartitionedForeignKey) -> Observation:
    if not columns(look, step.table):
        return gone(f"table {step.table} is gone")
    return state(look, step)


plugin = Kind(_render, _observe, onward=onward, back=back)
