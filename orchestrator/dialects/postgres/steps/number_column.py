"""Rows to come are numbered by a sequence, until the column is an identity."""

from __future__ import annotations

from orchestrator.core.identitystep import NumberColumn
from orchestrator.core.ports import Observation
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._alter import exclusive
from orchestrator.dialects.postgres.steps._numbers import numbered, numbering, unnumbered
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, foreign, gone, partial


def _render(step: NumberColumn) -> Rendered:
    return Rendered((tuple(numbered(step)),), exclusive(step.table), (tuple(unnumbered(step)),))


def _observe(look: Look, step: NumberColumn) -> Observation:
    """Done, too, where it is an identity by now."""
    found = numbering(look, step)
    where = f"{step.table}.{step.column}"
    if found is None:
        return gone(f"{where} is gone")
    identity, has_default, by_sequence, there = found
    if identity or by_sequence:
        return DONE
    if has_default:
        return foreign(f"{where} has another default", f"numbers of {step.sequence}")
    return partial(f"{step.sequence} is there, and {where} has no default") if there else ABSENT


plugin = Kind(_render, _observe)
