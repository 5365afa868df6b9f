"""What the Registry keeps of rehearsals: evidence for the expand gate of a stored Change.

Why it exists: a rehearsal is of a file, on a machine of anybody's; it counts for a Change only if it was of that very Plan.
"""

from __future__ import annotations

from orchestrator.core.errors import Blocked
from state import queries
from state.errors import UnknownChange
from state.machine import TERMINAL
from state.model import Rehearsed, StepStatus
from state.store import Registry


def source(registry: Registry, change_id: str) -> str:
    """The text of a Change that has not begun. Raises Blocked once it has: its Steps stand in the schema already."""
    registry.ready()
    with registry.reading() as connection:
        row = queries.change(connection, change_id)
        begun = any(step.status is not StepStatus.PENDING for step in queries.steps(connection, change_id))
    if begun or row.state in TERMINAL:
        raise Blocked(
            f"{change_id} is {row.state.value}: a change is rehearsed and exported before it begins",
            f"orch status {change_id}",
        )
    return row.source


def kept(registry: Registry, change_id: str, found: Rehearsed) -> str:
    """Keep it with the Change whose Plan it was of; why not, where there is none."""
    registry.ready()
    try:
        with registry.reading() as connection:
            row = queries.change(connection, change_id)
    except UnknownChange:
        return f"{change_id} is not submitted"
    if row.state in TERMINAL:
        return f"{change_id} is {row.state.value}"
    if row.plan_sha256 != found.plan_sha256:
        return f"{change_id} is submitted with another plan (orch submit brings the present one)"
    registry.rehearsed(change_id, found)
    return ""
