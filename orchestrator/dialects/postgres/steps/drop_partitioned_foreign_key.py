"""DROP CONSTRAINT of a partitioned table's foreign key; undo brings it back, partition by partition."""

from __future__ import annotations

from orchestrator.core.partitioned import DropPartitionedForeignKey
from orchestrator.core.ports import Observation, Seen
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._alter import exclusive
from orchestrator.dialects.postgres.steps._leaves import added, back, dropped, onward, state
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, columns, gone


def _render(step: DropPartitionedForeignKey) -> Rendered:
    lock = f"{exclusive(step.table)}, on all its partitions, and on {step.references}, bounded as a whole"
    return Rendered((dropped(step),), lock, added(step), "refused while rows break it")


def _observe(look: Look, step: DropPartitionedForeignKey) -> Observation:
    if not columns(look, step.table):
        return gone(f"table {step.table} is gone")
    seen = state(look, step)
    return {Seen.DONE: ABSENT, Seen.ABSENT: DONE}.get(seen.seen, seen)


plugin = Kind(_render, _observe, onward=back, back=onward)
