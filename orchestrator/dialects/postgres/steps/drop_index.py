"""DROP INDEX CONCURRENTLY; undo builds it again, as concurrently."""

from __future__ import annotations

from orchestrator.core.ports import Observation
from orchestrator.core.step import DropIndex
from orchestrator.dialects.postgres import parser
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._alter import unobtrusive
from orchestrator.dialects.postgres.steps._index import drop, extras, found, incomplete, other_index, other_relation
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, columns, missing
from orchestrator.dialects.postgres.text import fill, raw


def _render(step: DropIndex) -> Rendered:
    gone = drop(step.table, step.name)
    build = (fill("{s}", s=raw(_statement(step))),)
    undo = (gone, build, *extras(step.table, step.name, step.extras))
    return Rendered((gone,), unobtrusive(step.table), undo, "builds it again", concurrent=True, repair=(gone,))


def _statement(step: DropIndex) -> str:
    return parser.index_statement(step.definition, step.name, step.renamed, step.extras.tablespace)


def _observe(look: Look, step: DropIndex) -> Observation:
    if (wrong := missing(columns(look, step.table), step.table)) is not None:
        return wrong
    seen = found(look, step.table, step.name)
    if seen is None:
        return other_relation(look, step.table, step.name) or DONE
    if (wrong := other_index(look, step.table, step.name, _statement(step), seen)) is not None:
        return wrong
    return incomplete(step.table, step.name, seen, step.extras) or ABSENT


plugin = Kind(_render, _observe)
