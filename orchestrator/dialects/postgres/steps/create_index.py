"""CREATE INDEX CONCURRENTLY; an invalid leftover is dropped concurrently and built again."""

from __future__ import annotations

from psycopg.sql import Composable, Composed

from orchestrator.core.catalog import TableName
from orchestrator.core.ports import Observation
from orchestrator.core.step import CreateIndex
from orchestrator.dialects.postgres import parser
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.snapshot import quoted_name
from orchestrator.dialects.postgres.steps._alter import unobtrusive
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, foreign, partial
from orchestrator.dialects.postgres.text import fill, joined, name, raw, table


def _index(where: TableName, index: str) -> Composable:
    return table(TableName(where.schema, index))


def _render(step: CreateIndex) -> Rendered:
    if step.definition is not None:
        statement = fill("{s}", s=raw(parser.index_statement(step.definition, step.name, step.renamed)))
    else:
        statement = _new(step)
    drop = ((fill("DROP INDEX CONCURRENTLY IF EXISTS {i}", i=_index(step.table, step.name)),),)
    lock = unobtrusive(step.table)
    return Rendered(((statement,),), lock, drop, scans=True, concurrent=True, repair=drop)


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
SELECT i.indisvalid AND i.indisready, i.indrelid = pg_catalog.to_regclass(%s), i.indisunique,
       ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY u(attnum, place)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.attnum ORDER BY u.place)
  FROM pg_catalog.pg_index i WHERE i.indexrelid = pg_catalog.to_regclass(%s)
"""


def _observe(look: Look, step: CreateIndex) -> Observation:
    index = quoted_name(TableName(step.table.schema, step.name))
    row = look.row(_INDEX, quoted_name(step.table), index)
    if row is None:
        taken = look.row("SELECT pg_catalog.to_regclass(%s)::oid", index)
        return foreign(f"{index} is a relation, but no index") if taken and taken[0] else ABSENT
    valid, ours, unique, columns = row
    if not ours or unique is not step.unique:
        return foreign(f"{index} is another index than the one planned")
    if step.definition is None and tuple(columns) != (*step.columns, *step.include):
        return foreign(f"{index} covers {', '.join(columns)}, expected {', '.join((*step.columns, *step.include))}")
    return DONE if valid else partial(f"{index} is invalid")


plugin = Kind(_render, _observe)
