"""DROP CONSTRAINT; undo adds it again, NOT VALID, and proves it, or makes it of its index again."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.core.ports import Observation
from orchestrator.core.step import DropConstraint
from orchestrator.dialects.postgres import parser
from orchestrator.dialects.postgres.kinds import Kind, Look, Message, Rendered
from orchestrator.dialects.postgres.snapshot import quoted_name
from orchestrator.dialects.postgres.steps._alter import (
    alter,
    commented,
    drop_constraint_if_exists,
    exclusive,
    validate,
)
from orchestrator.dialects.postgres.steps._seen import (
    ABSENT,
    DONE,
    columns,
    constraint,
    missing,
    other_constraint,
    partial,
)
from orchestrator.dialects.postgres.steps.attach_constraint import attached
from orchestrator.dialects.postgres.text import name, raw, table, text


def _render(step: DropConstraint) -> Rendered:
    gone = (drop_constraint_if_exists(step.table, step.name),)
    lock = exclusive(step.table) + (f", and on {step.references}" if step.references else "")
    note = "refused while rows break it"
    return Rendered((gone,), lock, tuple(_undo(step)), note, undo_scans=1)


def _undo(step: DropConstraint) -> Iterator[Message]:
    if step.indexed is not None:
        yield attached(step.indexed)
        return
    definition = parser.constraint_definition(text(table(step.table)), step.definition, None)
    yield (
        drop_constraint_if_exists(step.table, step.name),
        alter(step.table, "ADD CONSTRAINT {k} {d} NOT VALID", k=name(step.name), d=raw(definition)),
        *commented(step.table, step.name, step.comment),
    )
    if step.validated:
        yield (validate(step.table, step.name),)


_OVER = """
SELECT ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)) FROM pg_catalog.pg_constraint k
 WHERE k.conrelid = pg_catalog.to_regclass(%s) AND k.conname = %s
"""


def _succeeded(look: Look, step: DropConstraint) -> bool:
    return look.row(_OVER, quoted_name(step.table), step.name) == ([step.successor],)


def _observe(look: Look, step: DropConstraint) -> Observation:
    if (wrong := missing(columns(look, step.table), step.table)) is not None:
        return wrong
    if step.successor is not None and _succeeded(look, step):
        return DONE
    if (wrong := other_constraint(look, step.table, step.name, step.definition)) is not None:
        return wrong
    found = constraint(look, step.table, step.name)
    if found is None:
        return DONE
    if step.validated and not found.validated:
        return partial(f"constraint {step.name} of {step.table} is there again, but not proved: a broken undo")
    return ABSENT


plugin = Kind(_render, _observe)
