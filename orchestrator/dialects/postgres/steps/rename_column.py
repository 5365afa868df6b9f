"""RENAME COLUMN, in one short transaction."""

from __future__ import annotations

from orchestrator.core.ports import Observation
from orchestrator.core.viewstep import RenameColumn
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._alter import alter, exclusive
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, columns, foreign, gone, missing
from orchestrator.dialects.postgres.text import name


def _render(step: RenameColumn) -> Rendered:
    action = "RENAME COLUMN {o} TO {n}"
    forward = alter(step.table, action, o=name(step.column), n=name(step.to))
    undo = alter(step.table, action, o=name(step.to), n=name(step.column))
    return Rendered(((forward,),), exclusive(step.table), ((undo,),))


def _observe(look: Look, step: RenameColumn) -> Observation:
    found = columns(look, step.table)
    if (wrong := missing(found, step.table)) is not None:
        return wrong
    there = [name for name in (step.column, step.to) if name in found]
    if len(there) == 2:
        return foreign(f"{step.table} has both {step.column} and {step.to}", "one of them")
    if not there:
        return gone(f"{step.table} has neither {step.column} nor {step.to}")
    return DONE if there == [step.to] else ABSENT


plugin = Kind(_render, _observe)
