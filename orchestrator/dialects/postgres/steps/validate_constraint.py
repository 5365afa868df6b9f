"""VALIDATE CONSTRAINT: scans under a lock that blocks neither reads nor writes, and waits for it patiently."""

from __future__ import annotations

from orchestrator.core.ports import Observation
from orchestrator.core.step import ValidateConstraint
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._alter import unobtrusive, validate
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, columns, constraint, foreign, gone

_VALIDATED = ("c", "f", "n")
"""CHECK, FOREIGN KEY and (from PostgreSQL 18 on) NOT NULL can be added NOT VALID."""


def _render(step: ValidateConstraint) -> Rendered:
    forward = (validate(step.table, step.name),)
    return Rendered((forward,), unobtrusive(step.table), (), "goes with the constraint", scans=True, patient=True)


def _observe(look: Look, step: ValidateConstraint) -> Observation:
    found = constraint(look, step.table, step.name)
    if found is None:
        return _without(look, step)
    if found.kind not in _VALIDATED:
        return foreign(f"constraint {step.name} of {step.table} is {found.definition}", "one that can be validated")
    return DONE if found.validated else ABSENT


def _without(look: Look, step: ValidateConstraint) -> Observation:
    """A proof of NOT NULL ends where SET NOT NULL used it; any other constraint must be there."""
    if step.not_null is None:
        return gone(f"{step.table} has no constraint {step.name}")
    column = columns(look, step.table).get(step.not_null)
    return DONE if column is not None and column[1] else ABSENT


plugin = Kind(_render, _observe)
