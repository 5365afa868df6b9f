"""What orch has run on the targets, and what it runs now: for the question "what did it just do?".

Why it exists: workers are other processes, so no log of one of them is the whole. What was sent is told by the history (which
worker began which step when, and how it ended) and by the plan (the exact statements of that step); what runs now, by the target.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sqlalchemy import Connection

from orchestrator.compiling import view
from orchestrator.core.ports import Target
from orchestrator.core.view import CommandView, StepView
from orchestrator.gates import plan_of
from state import queries
from state.model import ChangeRow, Event, EventRow

SENT = (Event.STEP_STARTED, Event.STEP_UNDONE)
"""After these the statements are shown; the others say how it ended."""
KINDS = (*SENT, Event.STEP_DONE, Event.STEP_FAILED, Event.STEP_LOST, Event.STEP_FOUND)
KEPT = 200

StepsOf = Callable[[str], Mapping[int, StepView]]


def last(
    connection: Connection, target: Callable[[str | None], Target], after: int = 0, limit: int = KEPT
) -> tuple[CommandView, ...]:
    """The last ``limit`` things that happened to steps after a sequence number, oldest first."""
    events = queries.latest(connection, limit, kinds=KINDS, after_seq=after)
    changes = {change_id: queries.change(connection, change_id) for change_id in {event.change_id for event in events}}
    steps = {change_id: _steps(row, target(row.target)) for change_id, row in changes.items()}
    return tuple(_command(event, steps[event.change_id]) for event in events)


def _steps(row: ChangeRow, target: Target) -> Mapping[int, StepView]:
    return {step.ordinal: step for step in view(plan_of(row), row.plan_sha256, target).steps}


def _command(event: EventRow, steps: Mapping[int, StepView]) -> CommandView:
    ordinal = int(event.data.get("ordinal", 0))
    step = steps.get(ordinal)
    undone = event.kind == Event.STEP_UNDONE.value
    sql: Iterable[str] = ()
    if step is not None and event.kind in {kind.value for kind in SENT}:
        sql = step.undo if undone else step.sql
    return CommandView(
        event.seq,
        event.at,
        event.actor,
        event.change_id,
        ordinal,
        event.kind.removeprefix("step."),
        step.description if step else "",
        tuple(sql),
        str(event.data.get("error") or ""),
    )
