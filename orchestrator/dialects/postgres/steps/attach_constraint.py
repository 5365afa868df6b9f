"""ADD CONSTRAINT … USING INDEX: a unique index becomes a key; no row is read."""

from __future__ import annotations

from psycopg.sql import Composed

from orchestrator.core.ports import Observation
from orchestrator.core.step import AttachConstraint
from orchestrator.dialects.postgres.kinds import Kind, Look, Message, Rendered
from orchestrator.dialects.postgres.steps._alter import alter, commented, drop_constraint_if_exists, exclusive
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, columns, constraint, missing, other_constraint
from orchestrator.dialects.postgres.text import name


def _render(step: AttachConstraint) -> Rendered:
    undo = (drop_constraint_if_exists(step.table, step.name),)
    return Rendered((attached(step),), exclusive(step.table), (undo,), "drops its index, too")


def attached(step: AttachConstraint) -> Message:
    """The key, and its comment if it has one."""
    return (_add(step), *commented(step.table, step.name, step.comment))


def _add(step: AttachConstraint) -> Composed:
    words = f"{'PRIMARY KEY' if step.primary else 'UNIQUE'} USING INDEX {{i}}{step.deferrable}"
    return alter(step.table, "ADD CONSTRAINT {k} " + words, k=name(step.name), i=name(step.name))


def _observe(look: Look, step: AttachConstraint) -> Observation:
    if (wrong := missing(columns(look, step.table), step.table)) is not None:
        return wrong
    if (wrong := other_constraint(look, step.table, step.name, step.definition)) is not None:
        return wrong
    return DONE if constraint(look, step.table, step.name) is not None else ABSENT


plugin = Kind(_render, _observe)
