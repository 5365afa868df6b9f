"""ADD COLUMN, with what belongs to the column, in one transaction."""

from __future__ import annotations

from psycopg.sql import Composed

from orchestrator.core.ports import Observation
from orchestrator.core.step import AddColumn
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._alter import alter, exclusive
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, columns, foreign
from orchestrator.dialects.postgres.text import fill, literal, name, raw, table


def _render(step: AddColumn) -> Rendered:
    column = name(step.column)
    statements = [_add(step)]
    if step.comment is not None:
        where = fill("{t}.{c}", t=table(step.table), c=column)
        statements.append(fill("COMMENT ON COLUMN {w} IS {x}", w=where, x=literal(step.comment)))
    if step.statistics is not None:
        target = literal(step.statistics)
        statements.append(alter(step.table, "ALTER COLUMN {c} SET STATISTICS {n}", c=column, n=target))
    statements += [_grant(step, *grant) for grant in step.grants]
    undo = (alter(step.table, "DROP COLUMN IF EXISTS {c}", c=column),)
    note = f"values written to {step.column} only are lost"
    return Rendered((tuple(statements),), exclusive(step.table), (undo,), note)


def _add(step: AddColumn) -> Composed:
    return alter(
        step.table,
        "ADD COLUMN {c} {type}{collation}{default}{null}",
        c=name(step.column),
        type=raw(step.type),
        collation=fill(" COLLATE {c}", c=raw(step.collation)) if step.collation else fill(""),
        default=fill(" DEFAULT (\n{d}\n)", d=raw(step.default)) if step.default else fill(""),
        null=raw(" NOT NULL" if step.not_null else ""),
    )


def _grant(step: AddColumn, privilege: str, grantee: str, grantable: bool) -> Composed:
    return fill(
        "GRANT {p} ({c}) ON {t} TO {who}{option}",
        p=raw(privilege),
        c=name(step.column),
        t=table(step.table),
        who=name(grantee) if grantee else raw("PUBLIC"),
        option=raw(" WITH GRANT OPTION" if grantable else ""),
    )


def _observe(look: Look, step: AddColumn) -> Observation:
    found = columns(look, step.table)
    if not found:
        return foreign(f"table {step.table} is gone")
    column = found.get(step.column)
    if column is None:
        return ABSENT
    if column[0] != step.type:
        return foreign(f"{step.table}.{step.column} is {column[0]}, expected {step.type}")
    return DONE


plugin = Kind(_render, _observe)
