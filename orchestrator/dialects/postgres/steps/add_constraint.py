"""ADD CONSTRAINT … NOT VALID: new writes are held to it, no row is scanned."""

from __future__ import annotations

from psycopg.sql import Composed

from orchestrator.core.ports import Observation
from orchestrator.core.step import AddConstraint
from orchestrator.dialects.postgres import parser
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._alter import (
    alter,
    commented,
    drop_constraint_if_exists,
    exclusive,
    not_null_check,
)
from orchestrator.dialects.postgres.steps._seen import (
    ABSENT,
    DONE,
    columns,
    constraint,
    missing,
    not_null_proof,
    other_constraint,
)
from orchestrator.dialects.postgres.text import name, raw, table, text


def _render(step: AddConstraint) -> Rendered:
    undo = (drop_constraint_if_exists(step.table, step.name),)
    forward = ((_statement(step), *commented(step.table, step.name, step.comment)),)
    if step.references is None:
        return Rendered(forward, exclusive(step.table), (undo,))
    lock = f"SHARE ROW EXCLUSIVE on {step.table} and {step.references}, catalog change only"
    return Rendered(forward, lock, (undo,), mode="SHARE ROW EXCLUSIVE")


def _statement(step: AddConstraint) -> Composed:
    if step.not_null is not None:
        return not_null_check(step.table, step.name, step.not_null)
    return alter(step.table, "ADD CONSTRAINT {k} {d} NOT VALID", k=name(step.name), d=raw(_definition(step)))


def _definition(step: AddConstraint) -> str:
    if step.not_null is not None:
        return not_null_proof(step.not_null)
    assert step.definition is not None  # noqa: S101 - one of the two is always given
    return parser.constraint_definition(text(table(step.table)), step.definition, step.renamed, step.referred)


def _observe(look: Look, step: AddConstraint) -> Observation:
    found = columns(look, step.table)
    if (wrong := missing(found, step.table, *_columns(step))) is not None:
        return wrong
    if (wrong := other_constraint(look, step.table, step.name, _definition(step))) is not None:
        return wrong
    if constraint(look, step.table, step.name) is not None:
        return DONE
    used_up = step.not_null is not None and found[step.not_null][1]
    return DONE if used_up else ABSENT


def _columns(step: AddConstraint) -> tuple[str, ...]:
    """The columns known by name: the one that is not null, or the copy."""
    return (step.not_null,) if step.not_null is not None else step.renamed[1:] if step.renamed else ()


plugin = Kind(_render, _observe)
