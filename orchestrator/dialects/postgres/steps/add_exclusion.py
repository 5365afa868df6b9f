"""ADD CONSTRAINT … EXCLUDE, on a table so small that the build, which blocks everybody, is short; refused on any other.

There is no concurrent way: PostgreSQL makes an exclusion constraint of no index that is there.
"""

from __future__ import annotations

from orchestrator.core.ports import Observation
from orchestrator.core.step import AddExclusion
from orchestrator.dialects.postgres import definitions, parser
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._alter import alter, drop_constraint_if_exists
from orchestrator.dialects.postgres.steps._bounded import blocking, bounded
from orchestrator.dialects.postgres.steps._index import found, same_choices
from orchestrator.dialects.postgres.steps._seen import (
    ABSENT,
    DONE,
    columns,
    constraint,
    foreign,
    missing,
    other_constraint,
)
from orchestrator.dialects.postgres.text import name, raw, table, text


def _render(step: AddExclusion) -> Rendered:
    definition = parser.constraint_definition(text(table(step.table)), step.definition, None)
    statement = alter(step.table, "ADD CONSTRAINT {k} {d}", k=name(step.name), d=raw(definition))
    forward = bounded(step.table, statement, step.name, step.bound)
    undo = (drop_constraint_if_exists(step.table, step.name),)
    return Rendered((forward,), blocking(step.table, step.bound), (undo,), scans=True)


def _observe(look: Look, step: AddExclusion) -> Observation:
    if (wrong := missing(columns(look, step.table), step.table)) is not None:
        return wrong
    if (wrong := other_constraint(look, step.table, step.name, step.definition)) is not None:
        return wrong
    stands = constraint(look, step.table, step.name)
    if stands is not None and not _chosen(look, step, stands.definition):
        return foreign(f"constraint {step.name} of {step.table} is {stands.definition}", step.definition)
    return ABSENT if stands is None else DONE


def _chosen(look: Look, step: AddExclusion, shown: str) -> bool:
    """Whether its index, which has its name, compares by the same operator classes and collations."""
    seen = found(look, step.table, step.name)
    return seen is not None and same_choices(
        definitions.constraint(step.definition), definitions.constraint(shown), seen
    )


plugin = Kind(_render, _observe)
