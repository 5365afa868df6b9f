"""SET DEFAULT or DROP DEFAULT, for rows to come."""

from __future__ import annotations

from orchestrator.core.ports import Observation
from orchestrator.core.step import SetDefault
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._alter import default, exclusive
from orchestrator.dialects.postgres.steps._same import same
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, columns, foreign, missing


def _render(step: SetDefault) -> Rendered:
    forward = (default(step.table, step.column, step.default),)
    undo = (default(step.table, step.column, step.previous),)
    return Rendered((forward,), exclusive(step.table), (undo,))


def _observe(look: Look, step: SetDefault) -> Observation:
    found = columns(look, step.table)
    if (wrong := missing(found, step.table, step.column)) is not None:
        return wrong
    kind, _, default_now = found[step.column]

    def says(wanted: str | None) -> bool:
        if wanted is None or default_now is None:
            return wanted is default_now
        return same(look, step.table, [(wanted, default_now)], returns=kind)

    if says(step.default):
        return DONE
    if says(step.previous):
        return ABSENT
    return foreign(f"the default of {step.table}.{step.column} is {default_now or 'none'}", step.default or "none")


plugin = Kind(_render, _observe)
