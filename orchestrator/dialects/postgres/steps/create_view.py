"""Another name for a table: a view through which it is read and written."""

from __future__ import annotations

from orchestrator.core.ports import Observation
from orchestrator.core.viewstep import CreateView
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._seen import columns, missing
from orchestrator.dialects.postgres.steps._view import created, view_state
from orchestrator.dialects.postgres.text import fill, table


def _render(step: CreateView) -> Rendered:
    undo = (fill("DROP VIEW IF EXISTS {v}", v=table(step.view)),)
    return Rendered((tuple(created(step)),), f"ACCESS SHARE on {step.table}, blocks nobody", (undo,))


def _observe(look: Look, step: CreateView) -> Observation:
    return missing(columns(look, step.table), step.table) or view_state(look, step)


plugin = Kind(_render, _observe)
