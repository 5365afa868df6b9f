"""COMMENT ON a table or a column."""

from __future__ import annotations

from psycopg.sql import Composed

from orchestrator.core.ports import Observation
from orchestrator.core.step import SetComment
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.snapshot import quoted_name
from orchestrator.dialects.postgres.steps._alter import unobtrusive
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, columns, foreign, missing
from orchestrator.dialects.postgres.text import fill, literal, name, table


def _render(step: SetComment) -> Rendered:
    forward, undo = (_comment(step, text) for text in (step.comment, step.previous))
    return Rendered(((forward,),), unobtrusive(step.table), ((undo,),), mode="")


def _comment(step: SetComment, text: str | None) -> Composed:
    if step.column is None:
        return fill("COMMENT ON TABLE {t} IS {x}", t=table(step.table), x=literal(text))
    return fill("COMMENT ON COLUMN {t}.{c} IS {x}", t=table(step.table), c=name(step.column), x=literal(text))


_TABLE = "SELECT pg_catalog.obj_description(pg_catalog.to_regclass(%s), 'pg_class')"
_COLUMN = """
SELECT pg_catalog.col_description(a.attrelid, a.attnum) FROM pg_catalog.pg_attribute a
 WHERE a.attrelid = pg_catalog.to_regclass(%s) AND a.attname = %s AND NOT a.attisdropped
"""


def _observe(look: Look, step: SetComment) -> Observation:
    named = () if step.column is None else (step.column,)
    if (wrong := missing(columns(look, step.table), step.table, *named)) is not None:
        return wrong
    query = _TABLE if step.column is None else _COLUMN
    row = look.row(query, quoted_name(step.table), *named)
    now = row[0] if row else None
    if now == step.comment:
        return DONE
    if now == step.previous:
        return ABSENT
    what = ".".join((str(step.table), *named))
    return foreign(f"the comment of {what} is {now!r}", repr(step.comment))


plugin = Kind(_render, _observe)
