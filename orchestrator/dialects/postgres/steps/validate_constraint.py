"""VALIDATE CONSTRAINT: scans under a lock that blocks neither reads nor writes, and waits for it patiently."""

from __future__ import annotations

from orchestrator.core.ports import Observation
from orchestrator.core.step import ValidateConstraint
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._alter import unobtrusive, validate
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, constraint


def _render(step: ValidateConstraint) -> Rendered:
    forward = (validate(step.table, step.name),)
    return Rendered((forward,), unobtrusive(step.table), (), "goes with the constraint", scans=True, patient=True)


def _observe(look: Look, step: ValidateConstraint) -> Observation:
    found = constraint(look, step.table, step.name)
    if found is None:
        return DONE if look.marked() else ABSENT
    return DONE if found[0] else ABSENT


plugin = Kind(_render, _observe)
