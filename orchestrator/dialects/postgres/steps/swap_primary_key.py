"""A primary key over one column ends and one over another begins, with the foreign keys to it, in one short transaction."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg.sql import Composed

from orchestrator.core.catalog import TableName
from orchestrator.core.keys import SwapPrimaryKey
from orchestrator.core.ports import Observation
from orchestrator.dialects.postgres.kinds import Kind, Look, Message, Rendered
from orchestrator.dialects.postgres.snapshot import quoted_name
from orchestrator.dialects.postgres.steps._alter import alter, commented, drop_constraint_if_exists
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, columns, foreign, missing
from orchestrator.dialects.postgres.text import fill, joined, name, table


def _render(step: SwapPrimaryKey) -> Rendered:
    old = [(reference.table, reference.name) for reference in step.references]
    twins = [(reference.table, reference.twin) for reference in step.references]
    others = sorted({str(where) for where, _ in old if where != step.table})
    lock = f"ACCESS EXCLUSIVE on {', '.join([str(step.table), *others])}, catalog change only"
    return Rendered((_swapped(step, old, step.index),), lock, (_swapped(step, twins, step.parked),))


def _swapped(step: SwapPrimaryKey, ending: Iterable[tuple[TableName, str]], index: str) -> Message:
    """All locks first, in one statement: none is upgraded later."""
    ending = tuple(ending)
    tables = dict.fromkeys([step.table, *(where for where, _ in ending)])
    lock = fill("LOCK TABLE {t} IN ACCESS EXCLUSIVE MODE", t=joined(", ", map(table, tables)))
    return (
        lock,
        *(drop_constraint_if_exists(where, label) for where, label in ending),
        alter(step.table, "DROP CONSTRAINT {k}", k=name(step.name)),
        _added(step, index),
        *commented(step.table, step.name, step.comment),
    )


def _added(step: SwapPrimaryKey, index: str) -> Composed:
    return alter(step.table, "ADD CONSTRAINT {k} PRIMARY KEY USING INDEX {i}", k=name(step.name), i=name(index))


_KEY = """
SELECT k.conname::text,
       ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY AS u(attnum, place)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum ORDER BY u.place)
  FROM pg_catalog.pg_constraint k WHERE k.conrelid = pg_catalog.to_regclass(%s) AND k.contype = 'p'
"""


def _observe(look: Look, step: SwapPrimaryKey) -> Observation:
    """By the name and the columns of the key; the foreign keys have Steps of their own."""
    if (wrong := missing(columns(look, step.table), step.table)) is not None:
        return wrong
    found = look.row(_KEY, quoted_name(step.table))
    if found is None:
        return foreign(f"{step.table} has no primary key", step.name)
    label, over = found[0], tuple(found[1])
    if label == step.name and over in (step.columns, step.copied):
        return DONE if over == step.copied else ABSENT
    return foreign(f"the primary key of {step.table} is {label} ({', '.join(over)})", step.name)


plugin = Kind(_render, _observe)
