"""A table takes the name that its view had until now, in one short transaction."""

from __future__ import annotations

from orchestrator.core.ports import Observation, Seen
from orchestrator.core.viewstep import RenameTable
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._alter import alter
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, TABLES, foreign, gone, partial, relation
from orchestrator.dialects.postgres.steps._view import created, view_state
from orchestrator.dialects.postgres.text import fill, name, table


def _render(step: RenameTable) -> Rendered:
    view = step.view
    forward = (
        fill("DROP VIEW IF EXISTS {v}", v=table(view.view)),
        alter(view.table, "RENAME TO {n}", n=name(view.view.name)),
    )
    undo = (alter(view.view, "RENAME TO {n}", n=name(view.table.name)), *created(view))
    lock = f"ACCESS EXCLUSIVE on {view.view} and {view.table}, catalog change only"
    return Rendered((forward,), lock, (undo,), "refused while another relation has the old name")


def _observe(look: Look, step: RenameTable) -> Observation:
    """By what bears the new name: the old one may have been given to something else since."""
    view = step.view
    new = relation(look, view.view)
    if new in TABLES:
        return DONE
    if relation(look, view.table) not in TABLES:
        return gone(f"table {view.table} is gone") if new is None else foreign(f"{view.table} is no table")
    if new is None:
        return partial(f"the view {view.view} is gone, and {view.table} has still its old name")
    seen = view_state(look, view)
    return ABSENT if seen.seen is Seen.DONE else seen


plugin = Kind(_render, _observe, lambda step: step.view.table.schema)
