"""ADD COLUMN, with what belongs to the column, in one transaction."""

from __future__ import annotations

from typing import Any

from psycopg.sql import Composed

from orchestrator.core.ports import Observation
from orchestrator.core.step import AddColumn
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.snapshot import quoted_name
from orchestrator.dialects.postgres.steps._alter import alter, exclusive
from orchestrator.dialects.postgres.steps._same import same
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, columns, foreign, missing, same_type
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
    if (wrong := missing(found, step.table)) is not None:
        return wrong
    if step.column not in found:
        return ABSENT
    kind, not_null, default = found[step.column]
    where = f"{step.table}.{step.column}"
    if not same_type(kind, step.type):
        return foreign(f"{where} is {kind}", step.type)
    if step.not_null and not not_null:
        return foreign(f"{where} may be NULL", "NOT NULL")
    if step.default is not None and not (default and same(look, step.table, [(step.default, default)], returns=kind)):
        return foreign(f"{where} has the default {default or 'none'}", step.default)
    return _computed(look, step) or _collated(look, step) or DONE


_MORE = """
SELECT a.attgenerated <> '', a.attidentity <> '', a.attcollation = t.typcollation,
       a.attcollation = pg_catalog.to_regcollation(%s)::oid, a.attcollation::pg_catalog.regcollation::text
  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
 WHERE a.attrelid = pg_catalog.to_regclass(%s) AND a.attname = %s
"""


def _computed(look: Look, step: AddColumn) -> Observation | None:
    generated, identity, *_ = _more(look, step)
    if generated or identity:
        what = "generated" if generated else "an identity"
        return foreign(f"{step.table}.{step.column} is {what}", "a plain column")
    return None


def _collated(look: Look, step: AddColumn) -> Observation | None:
    *_, usual, wanted, collation = _more(look, step)
    if usual if step.collation is None else wanted:
        return None
    return foreign(f"{step.table}.{step.column} has collation {collation}", step.collation or "that of its type")


def _more(look: Look, step: AddColumn) -> tuple[Any, ...]:
    row = look.row(_MORE, step.collation, quoted_name(step.table), step.column)
    assert row is not None  # noqa: S101 - the column was seen in the same statement's snapshot, or a moment ago
    return row


plugin = Kind(_render, _observe)
