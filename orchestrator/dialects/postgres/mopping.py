"""The mop-up of a backfill: pass after pass over all rows, wherever they are, until one look finds nothing left.

Why it exists: rows are skipped while others hold them, and move behind the cursor (F15). A pass goes through the table once,
reads a range without a lock, and fills what it finds in one batch; rows that others hold are skipped, until a pass has filled
nothing: then it waits for them.
"""

from __future__ import annotations

from dataclasses import replace

import psycopg

from orchestrator.core.catalog import TableName
from orchestrator.core.ports import Cursor, Mark
from orchestrator.core.step import Backfill
from orchestrator.dialects.postgres import backfill, batches, partitions
from orchestrator.dialects.postgres.backfill import Send

READ_PAGES = 4096
"""Pages that one look goes through: 32 MB, so that no snapshot of it lasts."""


def mop_up(link: psycopg.Connection, send: Send, step: Backfill, mark: Mark, cursor: Cursor) -> Cursor:
    """One batch of what is left, or one range found without any; ``ended`` once nothing is left at all."""
    if cursor.sweep is None:
        found = _first(link, step)
        if found is None:
            return replace(cursor, done=True, ended=True)
        cursor = replace(cursor, done=True, sweep=(found.schema, found.name, "0", "0"), swept=0)
    return _swept(link, send, step, mark, cursor)


def left(link: psycopg.Connection, step: Backfill) -> int:
    """How many rows are still to be filled."""
    row = link.execute(batches.count_left(step, prefix(step))).fetchone()
    return int(row[0]) if row else 0


def refused(link: psycopg.Connection, step: Backfill) -> tuple[int, tuple[str, ...]]:
    """How many rows a constraint or a trigger of the table keeps empty, and the first of them: key and SQLSTATE."""
    if not recorded(link, step):
        return 0, ()
    count, first = link.execute(batches.refused(step, prefix(step))).fetchone() or (0, None)
    return int(count), tuple(first or ())


def recorded(link: psycopg.Connection, step: Backfill) -> bool:
    """Whether any row was refused that can be found again."""
    return bool(step.key) and link.execute(batches.recorded(step)).fetchone() == (True,)


def prefix(step: Backfill) -> str:
    """What is left when a conversion raises is no work for a mop-up."""
    return "try_" if step.value is not None else ""


def _first(link: psycopg.Connection, step: Backfill) -> TableName | None:
    """The table, or a partition, that has something left to fill: one statement sees all rows, as they were at one time."""
    found = link.execute(batches.where_left(step, prefix(step))).fetchone()
    return None if found is None else TableName(*found)


def _swept(link: psycopg.Connection, send: Send, step: Backfill, mark: Mark, cursor: Cursor) -> Cursor:
    schema, name, page, place = cursor.sweep or ("", "", "0", "0")
    here = replace(step, table=TableName(schema, name))
    until = int(page) + READ_PAGES
    tids = [row[0] for row in link.execute(batches.left_between(here, prefix(step), (page, place), until)).fetchall()]
    over = len(tids) < step.batch_rows
    sweep = (schema, name, str(until), "0") if over else (schema, name, *tids[-1].strip("()").split(","))
    moved = replace(cursor, sweep=sweep)
    if tids:
        moved = _filled(send, here, mark, tids, moved)
    if over and until >= _pages(link, here):
        waits = moved.swept == 0
        return replace(moved, sweep=None, waits=waits)
    return moved


def _filled(send: Send, here: Backfill, mark: Mark, tids: list[str], cursor: Cursor) -> Cursor:
    where = batches.at(tids)
    if not cursor.waits:
        where = batches.unlocked(here, where)
    sent = backfill.filled(send, here, mark, where, cursor, prefix=prefix(here))
    return replace(backfill.after(cursor, sent, done=True), swept=cursor.swept + sent.rows)


def _pages(link: psycopg.Connection, step: Backfill) -> int:
    """Pages of the table now; none of one that is gone."""
    return sum(leaf.pages for leaf in partitions.leaves(link, step.table))
