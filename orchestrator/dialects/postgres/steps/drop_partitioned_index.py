"""DROP INDEX of a partitioned table; undo builds it again, partition by partition."""

from __future__ import annotations

from orchestrator.core.partitioned import DropPartitionedIndex
from orchestrator.core.ports import Observation, Seen
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._alter import exclusive
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, columns, gone
from orchestrator.dialects.postgres.steps._tree import back, dropped, grown, onward, state


def _render(step: DropPartitionedIndex) -> Rendered:
    lock = f"{exclusive(step.table)}, and on all its partitions, bounded as a whole"
    return Rendered((dropped(step),), lock, grown(step), "builds it again")


def _observe(look: Look, step: DropPartitionedIndex) -> Observation:
    if not columns(look, step.table):
        return gone(f"table {step.table} is gone")
    seen = state(look, step)
    return {Seen.DONE: ABSENT, Seen.ABSENT: DONE}.get(seen.seen, seen)


plugin = Kind(_render, _observe, onward=back, back=onward)
