"""ADD COLUMN, with what belongs to the column, in one transaction."""

from __future__ import annotations

from typing import Any

from psycopg.sql import Composed

from orchestrator.core.newtable import Computed
from orchestrator.core.ports import Observation
from orchestrator.core.step import AddColumn
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.snapshot import quoted_name
from orchestrator.dialects.postgres.steps._alter import alter, exclusive
from orchestrator.dialects.postgres.steps._bounded import blocking, bounded
from orchestrator.dialects.postgres.steps._same import same
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, columns, foreign, missing, same_type
from orchestrator.dialects.postgres.text import fill, literal, name, raw, table, text


def _render(step: AddColumn) -> Rendered:
    column = name(step.column)
    bound = step.computed.stored if step.computed is not None else None
    where = f"{step.table}.{step.column}"
    statements = [*bounded(step.table, _add(step), where, bound)] if bound is not None else [_add(step)]
    if step.comment is not None:
        comment = "COMMENT ON COLUMN {t}.{c} IS {x}"
        statements.append(fill(comment, t=table(step.table), c=column, x=literal(step.comment)))
    if step.statistics is not None:
        target = literal(step.statistics)
        statements.append(alter(step.table, "ALTER COLUMN {c} SET STATISTICS {n}", c=column, n=target))
    statements += [_grant(step, *grant) for grant in step.grants]
    undo = (alter(step.table, "DROP COLUMN IF EXISTS {c}", c=column),)
    note = f"values written to {step.column} only are lost"
    if bound is not None:
        return Rendered((tuple(statements),), blocking(step.table, bound), (undo,), rewrites=True)
    return Rendered((tuple(statements),), exclusive(step.table), (undo,), note)


def _add(step: AddColumn) -> Composed:
    return alter(
        step.table,
        "ADD COLUMN {c} {type}{collation}{computed}{default}{null}",
        c=name(step.column),
        type=raw(step.type),
        collation=fill(" COLLATE {c}", c=raw(step.collation)) if step.collation else fill(""),
        computed=_generated(step.computed),
        default=fill(" DEFAULT (\n{d}\n)", d=raw(step.default)) if step.default else fill(""),
        null=raw(" NOT NULL" if step.not_null else ""),
    )


def _generated(computed: Computed | None) -> Composed:
    if computed is None:
        return fill("")
    kind = raw("VIRTUAL" if computed.stored is None else "STORED")
    return fill(" GENERATED ALWAYS AS (\n{e}\n) {k}", e=raw(computed.expression), k=kind)


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
    return _computed(look, step, default) or _collated(look, step) or DONE


_MORE = """
SELECT a.attgenerated::text, a.attidentity <> '', a.attcollation = t.typcollation,
       a.attcollation = pg_catalog.to_regcollation(%s)::oid, a.attcollation::pg_catalog.regcollation::text
  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
 WHERE a.attrelid = pg_catalog.to_regclass(%s) AND a.attname = %s
"""


def _computed(look: Look, step: AddColumn, found: str | None) -> Observation | None:
    generated, identity, *_ = _more(look, step)
    where = f"{step.table}.{step.column}"
    if identity and not step.numbered:
        return foreign(f"{where} is an identity", "a plain column")
    if step.computed is None:
        return foreign(f"{where} is generated", "a plain column") if generated else None
    wanted = text(_generated(step.computed)).strip()
    if generated != ("v" if step.computed.stored is None else "s"):
        return foreign(f"{where} is computed otherwise", wanted)
    if found is None or not same(look, step.table, [(step.computed.expression, found)], returns=step.type):
        return foreign(f"{where} is computed as {found or 'nothing'}", wanted)
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
