"""CREATE INDEX CONCURRENTLY; an invalid leftover is dropped concurrently and built again."""

from __future__ import annotations

from psycopg.sql import Composable, Composed

from orchestrator.core.catalog import TableName
from orchestrator.core.ports import Observation
from orchestrator.core.step import CreateIndex
from orchestrator.dialects.postgres import definitions, parser
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.snapshot import quoted_name
from orchestrator.dialects.postgres.steps._alter import unobtrusive
from orchestrator.dialects.postgres.steps._same import same_definition
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, foreign, partial
from orchestrator.dialects.postgres.text import fill, joined, name, raw, table, text


def _index(where: TableName, index: str) -> Composable:
    return table(TableName(where.schema, index))


def _render(step: CreateIndex) -> Rendered:
    drop = ((fill("DROP INDEX CONCURRENTLY IF EXISTS {i}", i=_index(step.table, step.name)),),)
    lock = unobtrusive(step.table)
    return Rendered(((_statement(step),),), lock, drop, scans=True, concurrent=True, repair=drop)


def _statement(step: CreateIndex) -> Composed:
    if step.definition is not None:
        return fill("{s}", s=raw(parser.index_statement(step.definition, step.name, step.renamed)))
    return _new(step)


def _new(step: CreateIndex) -> Composed:
    include = fill(" INCLUDE ({c})", c=joined(", ", map(name, step.include))) if step.include else fill("")
    where = fill(" WHERE (\n{w}\n)", w=raw(step.where)) if step.where else fill("")
    return fill(
        "CREATE {u}INDEX CONCURRENTLY {i} ON {t} USING {m} ({c}){include}{where}",
        u=raw("UNIQUE " if step.unique else ""),
        i=name(step.name),
        t=table(step.table),
        m=name(step.method),
        c=joined(", ", map(name, step.columns)),
        include=include,
        where=where,
    )


_INDEX = """
SELECT i.indisvalid AND i.indisready AND i.indislive, i.indrelid = pg_catalog.to_regclass(%s),
       pg_catalog.pg_get_indexdef(i.indexrelid),
       ARRAY(SELECT ARRAY[coalesce(co.collname::text, ''), op.opcname::text]
               FROM ROWS FROM (pg_catalog.unnest(i.indcollation::oid[]), pg_catalog.unnest(i.indclass::oid[]))
                    WITH ORDINALITY u(coll, class, place)
               JOIN pg_catalog.pg_opclass op ON op.oid = u.class
               LEFT JOIN pg_catalog.pg_collation co ON co.oid = u.coll ORDER BY u.place)
  FROM pg_catalog.pg_index i WHERE i.indexrelid = pg_catalog.to_regclass(%s)
"""


def _observe(look: Look, step: CreateIndex) -> Observation:
    index = quoted_name(TableName(step.table.schema, step.name))
    row = look.row(_INDEX, quoted_name(step.table), index)
    if row is None:
        taken = look.row("SELECT pg_catalog.to_regclass(%s)::oid", index)
        return foreign(f"{index} is a relation, but no index") if taken and taken[0] else ABSENT
    valid, ours, definition, chosen = row
    if not ours or not _planned(look, step, definition, chosen):
        return foreign(f"{index} is another index than the one planned: {definition}", text(_statement(step)))
    return DONE if valid else partial(f"{index} is invalid")


def _planned(look: Look, step: CreateIndex, definition: str, chosen: list[list[str]]) -> bool:
    """Whether the index is the planned one. What the server leaves out as a matter of course may be spelled out."""
    try:
        wanted, found = definitions.index(text(_statement(step))), definitions.index(definition)
    except definitions.Unreadable:
        return False
    if not same_definition(look, step.table, wanted, found):
        return False
    keys = zip(wanted.chosen, found.chosen, chosen, strict=False)
    return all(want in (shown, actual) for key in keys for want, shown, actual in zip(*key, strict=True))


plugin = Kind(_render, _observe)
