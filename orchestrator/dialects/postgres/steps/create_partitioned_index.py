"""CREATE INDEX of a partitioned table: ON ONLY the table, concurrently on each partition, attached one by one."""

from __future__ import annotations

from orchestrator.core.partitioned import CreatePartitionedIndex
from orchestrator.core.ports import Observation
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._seen import columns, gone
from orchestrator.dialects.postgres.steps._tree import back, dropped, grown, grown_lock, onward, state


def _render(step: CreatePartitionedIndex) -> Rendered:
    return Rendered(grown(step), grown_lock(step), (dropped(step),), scans=True, concurrent=True)


def _observe(look: Look, step: CreatePartitionedIndex) -> Observation:
    if not columns(look, step.table):
        return gone(f"table {step.table} is gone")
    return state(look, step)


plugin = Kind(_render, _observe, onward=onward, back=back)
