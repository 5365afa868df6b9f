"""ADD CONSTRAINT … NOT VALID: new writes are held to it, no row is scanned."""

from __future__ import annotations

from psycopg.sql import Composed

from orchestrator.core.ports import Observation
from orchestrator.core.step import AddConstraint
from orchestrator.dialects.postgres import parser
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._alter import alter, drop_constraint_if_exists, exclusive, not_null_check
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, columns, constraint
from orchestrator.dialects.postgres.text import name, raw, table, text


def _render(step: AddConstraint) -> Rendered:
    undo = (drop_constraint_if_exists(step.table, step.name),)
    return Rendered(((_statement(step),),), exclusive(step.table), (undo,))


def _statement(step: AddConstraint) -> Composed:
    if step.definition is None:
        assert step.not_null is not None  # noqa: S101 - one of the two is always given
        return not_null_check(step.table, step.name, step.not_null)
    definition = parser.constraint_definition(text(table(step.table)), step.definition, step.renamed)
    return alter(step.table, "ADD CONSTRAINT {k} {d} NOT VALID", k=name(step.name), d=raw(definition))


def _observe(look: Look, step: AddConstraint) -> Observation:
    if constraint(look, step.table, step.name) is not None:
        return DONE
    found = columns(look, step.table)
    used_up = step.not_null is not None and step.not_null in found and found[step.not_null][1]
    return DONE if used_up else ABSENT


plugin = Kind(_render, _observe)
