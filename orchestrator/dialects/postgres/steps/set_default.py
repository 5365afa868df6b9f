"""SET DEFAULT, for rows to come."""

from __future__ import annotations

from orchestrator.core.ports import Observation
from orchestrator.core.step import SetDefault
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._alter import default, exclusive
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, columns, missing


def _render(step: SetDefault) -> Rendered:
    forward = (default(step.table, step.column, step.default),)
    undo = (default(step.table, step.column, step.previous),)
    return Rendered((forward,), exclusive(step.table), (undo,))


def _observe(look: Look, step: SetDefault) -> Observation:
    found = columns(look, step.table)
    if (wrong := missing(found, step.table, step.column)) is not None:
        return wrong
    return DONE if look.marked() and found[step.column][2] is not None else ABSENT


plugin = Kind(_render, _observe)
