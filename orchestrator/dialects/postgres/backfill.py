"""One batch of a backfill: rows, cursor and fence check in one transaction, sent as one message.

Why it exists: exactly-once progress. The cursor moves in the transaction that writes the rows, so a kill at any instant
loses nothing and repeats nothing; the fence is checked in the same transaction, so a zombie writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import psycopg
from psycopg.sql import Composable, Composed

from orchestrator.core.catalog import TableName
from orchestrator.core.ports import Cursor, Mark, ValueRefused
from orchestrator.core.step import Backfill
from orchestrator.dialects.postgres import batches, partitions
from orchestrator.dialects.postgres.text import fill, joined, literal, raw, table

Send = Callable[[Composed], psycopg.Cursor[Any]]

ROTATE_EVERY = 10_000
"""Updates of one marker row, after which it moves on (F25)."""
_UPDATE = """
UPDATE orch_target.marker SET cursor = {c}, passed = passed OR {last}, fence = {f}, plan_sha256 = {p}, rows_done = {rows}
 WHERE step_id = {s} AND lane = 0 AND turn = {turn}"""
_ROTATE = """
WITH gone AS (DELETE FROM orch_target.marker WHERE step_id = {s} AND lane = 0 AND turn = {turn} RETURNING passed)
INSERT INTO orch_target.marker (step_id, lane, turn, fence, plan_sha256, cursor, rows_done, passed)
SELECT {s}, 0, {turn} + 1, {f}, {p}, {c}, {rows}, passed OR {last} FROM gone"""


def begin(link: psycopg.Connection, step: Backfill, mark: Mark) -> Cursor:
    """The stored cursor, or a new one after ANALYZE; sets whether the application's triggers fire.

    Where the sync was touched since the end, there is an end to come again: the mop-up goes through all rows.
    """
    if not step.fire_triggers:
        link.execute("SET session_replication_role = replica")
    query = (
        "SELECT cursor, rows_done, done_at IS NOT NULL AND orch_target.is_sealed(%s), passed OR done_at IS NOT NULL, turn"
        " FROM orch_target.marker WHERE step_id = %s AND lane = 0 ORDER BY turn DESC LIMIT 1"
    )
    if (row := link.execute(query, (step.sync_id, mark.step_id)).fetchone()) is not None:
        position, rows, ended, passed, turn = row
        # How often it was updated before is not known: the next batch gives it a row of its own.
        return Cursor(None if position is None else tuple(position), rows, passed, ended, turn, ROTATE_EVERY)
    link.execute(fill("ANALYZE {t}", t=table(step.table)))
    link.execute(
        "INSERT INTO orch_target.marker (step_id, fence, plan_sha256) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (mark.step_id, mark.fence, mark.plan_sha256),
    )
    return Cursor(None, 0, False)


def estimate(link: psycopg.Connection, step: Backfill) -> int | None:
    """The table's estimated rows; None before any statistics."""
    query = "SELECT c.reltuples::bigint FROM pg_catalog.pg_class c WHERE c.oid = {t}::pg_catalog.regclass"
    row = link.execute(fill(query, t=literal(table(step.table).as_string(None)))).fetchone()
    return int(row[0]) if row and row[0] >= 0 else None


def batch(link: psycopg.Connection, send: Send, step: Backfill, mark: Mark, cursor: Cursor) -> Cursor:
    """Fill the next range; ``done`` once the range that has no end is filled."""
    here, where, position, last = _range(link, step, cursor)
    moved = replace(cursor, position=position)
    return _after(moved, _fill(send, here, mark, where, moved, last), done=last)


def _after(cursor: Cursor, sent: _Sent, *, done: bool) -> Cursor:
    """The cursor after its batch, whose marker may have gone over to the next row."""
    rotated = cursor.moves >= ROTATE_EVERY
    turn, moves = (cursor.turn + 1, 0) if rotated else (cursor.turn, cursor.moves + 1)
    rows, fenced = cursor.rows + sent.rows, cursor.fenced + sent.fenced
    return replace(cursor, rows=rows, done=done, turn=turn, moves=moves, fenced=fenced)


Range = tuple[Backfill, Composable, tuple[str, ...] | None, bool]
"""The Step as it is for the table at hand, the condition, the position it ends at, and whether it is the last."""


def _range(link: psycopg.Connection, step: Backfill, cursor: Cursor) -> Range:
    if step.key:
        end = link.execute(batches.bound(step, cursor.position)).fetchone()
        position = None if end is None else tuple(end)
        return step, batches.between(step, cursor.position, position), position or cursor.position, end is None
    if partitions.is_partitioned(link, step.table):
        return _range_of_partition(link, step, cursor.position)
    start = int(cursor.position[0]) if cursor.position else 0
    where, end_page, last = _page_range(link, step, start)
    return step, where, (str(end_page),), last


def _page_range(link: psycopg.Connection, step: Backfill, start: int) -> tuple[Composable, int, bool]:
    total, density = _pages(link, step)
    end = start + max(1, round(step.batch_rows / density))
    return batches.pages(start, end - start), end, end >= total


def _range_of_partition(link: psycopg.Connection, step: Backfill, position: tuple[str, ...] | None) -> Range:
    """Pages are counted within a partition: one partition after the other, in the order of their names."""
    schema, name, page = position or ("", "", "0")
    following = partitions.leaves_from(link, step.table, TableName(schema, name))
    if not following:
        return step, raw("false"), position, True
    here = replace(step, table=following[0])
    where, end, ended = _page_range(link, here, int(page) if here.table == TableName(schema, name) else 0)
    if ended and len(following) > 1:
        return here, where, (following[1].schema, following[1].name, "0"), False
    return here, where, (here.table.schema, here.table.name, str(end)), ended


def _pages(link: psycopg.Connection, step: Backfill) -> tuple[int, float]:
    """Pages of the table now, and rows per page as estimated."""
    query = """SELECT pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int,
        greatest(1, c.reltuples / greatest(1, c.relpages)) FROM pg_catalog.pg_class c WHERE c.oid = {t}::pg_catalog.regclass"""
    row = link.execute(fill(query, t=literal(table(step.table).as_string(None)))).fetchone()
    return (int(row[0]), float(row[1])) if row else (0, 1.0)


def _fill(send: Send, step: Backfill, mark: Mark, where: Composable, cursor: Cursor, last: bool) -> _Sent:
    """Send one range. Rows whose conversion raises are left, recorded, and never fail the batch."""
    try:
        return _sent(send, mark, (batches.update(step, where),), cursor, last)
    except ValueRefused:
        if step.value is None:
            raise
    record = batches.record_rejected(step, where, mark.change_id)
    statements = [batches.update(step, where, "try_"), *([record] if record is not None else [])]
    return _sent(send, mark, tuple(statements), cursor, last)


class _Sent(NamedTuple):
    """What a message did: rows updated, and the seconds in which its fence was checked."""

    rows: int
    fenced: float


_BEGAN = "SELECT pg_catalog.clock_timestamp()"
_FENCE = "SELECT orch_target.check_fence({c}, {f}), pg_catalog.clock_timestamp()"
"""Between the two answers lies what it costs to check the fence: parsing, planning and running it, and nothing else."""


def _sent(send: Send, mark: Mark, statements: tuple[Composed, ...], cursor: Cursor, last: bool) -> _Sent:
    """One message; the row count is that of its UPDATE, the fourth result (after BEGIN, the clock and the fence check)."""
    fence = fill(_FENCE, c=literal(mark.change_id), f=literal(mark.fence))
    parts = [raw("BEGIN"), raw(_BEGAN), fence, *statements, _move(mark, cursor, last), raw("COMMIT")]
    results = send(joined("; ", parts))
    results.nextset()
    began = results.fetchall()[0][0]
    results.nextset()
    fenced = (results.fetchall()[0][1] - began).total_seconds()
    results.nextset()
    rows = max(0, results.rowcount)
    while results.nextset():
        pass
    return _Sent(rows, fenced)


def _move(mark: Mark, cursor: Cursor, last: bool) -> Composed:
    """Advance the stored cursor; its row count lags by this batch, whose count is known only afterwards.

    A held snapshot keeps every version of a row, and whoever looks it up goes through all of them (F25). So now and then the
    marker goes over to another row: of another key, since the old versions would stand under the same one in the index.
    """
    return fill(
        _ROTATE if cursor.moves >= ROTATE_EVERY else _UPDATE,
        turn=literal(cursor.turn),
        rows=literal(cursor.rows),
        c=literal(None if cursor.position is None else list(cursor.position)),
        last=literal(last),
        f=literal(mark.fence),
        p=literal(mark.plan_sha256),
        s=literal(mark.step_id),
    )


def mop_up(link: psycopg.Connection, send: Send, step: Backfill, mark: Mark, cursor: Cursor) -> Cursor:
    """One batch of what is left anywhere (moved keys, skipped rows; F15); ``ended`` once a pass finds nothing."""
    prefix = _prefix(step)
    here = _with_left(link, step, prefix)
    sent = _sent(send, mark, (batches.update(here, batches.left_over(here, prefix), prefix),), cursor, True)
    cursor = _after(cursor, sent, done=True)
    return cursor if sent.rows else replace(cursor, ended=not _counted(link, batches.any_left(step, prefix)))


def _with_left(link: psycopg.Connection, step: Backfill, prefix: str) -> Backfill:
    """The Step for a partition that has something left: a row's place says where it is within its partition only."""
    if not partitions.is_partitioned(link, step.table):
        return step
    found = link.execute(batches.where_left(step, prefix)).fetchone()
    return step if found is None else replace(step, table=TableName(*found))


def left(link: psycopg.Connection, step: Backfill) -> int:
    """How many rows are still to be filled."""
    return _counted(link, batches.count_left(step, _prefix(step)))


def _prefix(step: Backfill) -> str:
    """What is left when a conversion raises is no work for a mop-up."""
    return "try_" if step.value is not None else ""


def _counted(link: psycopg.Connection, query: Composed) -> int:
    row = link.execute(query).fetchone()
    return int(row[0]) if row else 0
