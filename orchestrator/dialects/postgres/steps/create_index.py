"""CREATE INDEX CONCURRENTLY; an invalid leftover is dropped concurrently and built again."""

from __future__ import annotations

from psycopg.sql import Composed

from orchestrator.core.ports import Observation
from orchestrator.core.step import CreateIndex
from orchestrator.dialects.postgres import parser
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._alter import unobtrusive
from orchestrator.dialects.postgres.steps._index import drop, extras, found, incomplete, other_index, other_relation
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE
from orchestrator.dialects.postgres.text import fill, joined, name, raw, table, text


def _render(step: CreateIndex) -> Rendered:
    gone = (drop(step.table, step.name),)
    forward = ((_statement(step),), *extras(step.table, step.name, step.extras))
    return Rendered(forward, unobtrusive(step.table), gone, scans=True, concurrent=True, repair=gone)


def _statement(step: CreateIndex) -> Composed:
    if step.definition is not None:
        return fill(
            "{s}", s=raw(parser.index_statement(step.definition, step.name, step.renamed, step.extras.tablespace))
        )
    return _new(step)


def _new(step: CreateIndex) -> Composed:
    include = fill(" INCLUDE ({c})", c=joined(", ", map(name, step.include))) if step.include else fill("")
    return fill(
        "CREATE {u}INDEX CONCURRENTLY {i} ON {t} USING btree ({c}){include}",
        u=raw("UNIQUE " if step.unique else ""),
        i=name(step.name),
        t=table(step.table),
        c=joined(", ", map(name, step.columns)),
        include=include,
    )


def _observe(look: Look, step: CreateIndex) -> Observation:
    seen = found(look, step.table, step.name)
    if seen is None:
        return other_relation(look, step.table, step.name) or ABSENT
    if (wrong := other_index(look, step.table, step.name, text(_statement(step)), seen)) is not None:
        return wrong
    return incomplete(step.table, step.name, seen, step.extras) or DONE


plugin = Kind(_render, _observe)
