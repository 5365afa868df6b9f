"""The end of a version's view: its name is found in the rest of the search_path from then on."""

from __future__ import annotations

from orchestrator.core.ports import Observation
from orchestrator.core.viewstep import DropView
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, foreign, relation
from orchestrator.dialects.postgres.text import fill, table


def _render(step: DropView) -> Rendered:
    drop = fill("DROP VIEW IF EXISTS {v}", v=table(step.view))
    note = f"none: {step.table} itself has the view's names by now"
    return Rendered(((drop,),), f"ACCESS EXCLUSIVE on {step.view}, catalog change only", (), note)


def _observe(look: Look, step: DropView) -> Observation:
    found = relation(look, step.view)
    if found is None:
        return DONE
    return ABSENT if found == "v" else foreign(f"{step.view} is no view")


plugin = Kind(_render, _observe)
