"""One batch of a backfill: rows, cursor and fence check in one transaction, sent as one message.

Why it exists: exactly-once progress. The cursor moves in the transaction that writes the rows, so a kill at any instant
loses nothing and repeats nothing; the fence is checked in the same transaction, so a zombie writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import psycopg
from psycopg.sql import SQL, Composable, Composed

from orchestrator.core.ports import Cursor, Mark, TargetError
from orchestrator.core.step import Backfill
from orchestrator.dialects.postgres import batches, isolating, walking
from orchestrator.dialects.postgres.text import fill, joined, literal, raw, table, written

Send = Callable[[Composed], psycopg.Cursor[Any]]

SETTINGS = "SET statement_timeout = 0; SET lock_timeout = '50ms'; SET synchronous_commit = off; SET {path}"
"""Of a session that sends batches. A batch holds what it has updated while it waits for a lock: not for long."""
ROTATE_EVERY = 10_000
"""Updates of one marker row, after which it moves on (F25)."""
_UPDATE = """
UPDATE orch_target.marker SET cursor = {c}, passed = passed OR {last}, fence = {f}, plan_sha256 = {p}, rows_done = {rows}
 WHERE step_id = {s} AND lane = {lane} AND turn = {turn}"""
_ROTATE = """
WITH gone AS (DELETE FROM orch_target.marker WHERE step_id = {s} AND lane = {lane} AND turn = {turn} RETURNING passed)
INSERT INTO orch_target.marker (step_id, lane, turn, fence, plan_sha256, cursor, rows_done, passed)
SELECT {s}, {lane}, {turn} + 1, {f}, {p}, {c}, {rows}, passed OR {last} FROM gone"""
_STORED = """
SELECT DISTINCT ON (lane) cursor, rows_done, done_at IS NOT NULL AND orch_target.is_sealed(%s), done_at IS NOT NULL,
       passed, turn, lane FROM orch_target.marker WHERE step_id = %s ORDER BY lane, turn DESC"""


def begin(link: psycopg.Connection, send: Send, step: Backfill, mark: Mark) -> tuple[Cursor, ...]:
    """The stored lanes, or new ones after ANALYZE.

    Where the sync was touched since the end, there is an end to come again: the mop-up goes through all rows.
    """
    if found := _stored(link, step, mark):
        return found
    link.execute(fill("ANALYZE {t}", t=table(step.table)))
    lanes = walking.starts(link, step)
    row = "({s}, {lane}, {f}, {p}, {c})"
    rows = [
        fill(
            row,
            s=literal(mark.step_id),
            lane=literal(lane),
            f=literal(mark.fence),
            p=literal(mark.plan_sha256),
            c=_array(at),
        )
        for lane, at in enumerate(lanes)
    ]
    insert = fill(
        "INSERT INTO orch_target.marker (step_id, lane, fence, plan_sha256, cursor) VALUES {rows}",
        rows=joined(", ", rows),
    )
    forget = fill("DELETE FROM orch_target.marker WHERE step_id = {s}", s=literal(mark.step_id))
    send(joined("; ", [raw("BEGIN"), _fence(mark), forget, insert, raw("COMMIT")]))
    return tuple(Cursor(at, 0, False, lane=lane) for lane, at in enumerate(lanes))


def _stored(link: psycopg.Connection, step: Backfill, mark: Mark) -> tuple[Cursor, ...]:
    """The lanes as an earlier attempt left them; none where they are of an older orch, which counted otherwise."""
    lanes = []
    for at, rows, ended, was_done, passed, turn, lane in link.execute(_STORED, (step.sync_id, mark.step_id)).fetchall():
        position = None if at is None else tuple(at)
        if was_done:
            return (Cursor(position, rows, True, ended, turn, ROTATE_EVERY),)
        if not passed and not walking.is_known(position):
            return ()
        # How often it was updated before is not known: the next batch gives it a row of its own.
        lanes.append(Cursor(position, rows, passed, False, turn, ROTATE_EVERY, lane=lane))
    return tuple(lanes)


def estimate(link: psycopg.Connection, step: Backfill) -> int | None:
    """The table's estimated rows; None before any statistics."""
    query = "SELECT c.reltuples::bigint FROM pg_catalog.pg_class c WHERE c.oid = {t}::pg_catalog.regclass"
    row = link.execute(fill(query, t=literal(table(step.table).as_string(None)))).fetchone()
    return int(row[0]) if row and row[0] >= 0 else None


def batch(
    link: psycopg.Connection, send: Send, step: Backfill, mark: Mark, cursor: Cursor, skips: bool = False
) -> Cursor:
    """Fill the next stretch of the lane; ``done`` once it was the last one."""
    stretch, cursor = walking.following(link, step, cursor)
    moved = replace(cursor, position=stretch.position)
    where = batches.unlocked(stretch.step, stretch.where) if skips else stretch.where
    sent = filled(send, stretch.step, mark, where, moved, last=stretch.last, measured=stretch.ends_window)
    return walking.judged(after(moved, sent, done=stretch.last), stretch, sent.hot)


def after(cursor: Cursor, sent: Sent, *, done: bool) -> Cursor:
    """The cursor after its batch, whose marker may have gone over to the next row."""
    rotated = cursor.moves >= ROTATE_EVERY
    turn, moves = (cursor.turn + 1, 0) if rotated else (cursor.turn, cursor.moves + 1)
    rows, fenced = cursor.rows + sent.rows, cursor.fenced + sent.fenced
    return replace(cursor, rows=rows, done=done, turn=turn, moves=moves, fenced=fenced)


def filled(
    send: Send,
    step: Backfill,
    mark: Mark,
    where: Composable,
    cursor: Cursor,
    *,
    last: bool = True,
    prefix: str = "",
    measured: bool = False,
) -> Sent:
    """Fill some rows. One that is refused is looked for and recorded, and fails the others neither now nor later."""
    try:
        return _sent(send, step, mark, batches.update(step, where, prefix), cursor, last, measured)
    except TargetError as error:
        if not isolating.may_help(step, error):
            raise
    return _sent(send, step, mark, isolating.isolated(step, where, mark.change_id), cursor, last, False)


class Sent(NamedTuple):
    """What a message did: rows updated, seconds in which its fence was checked, and the share updated in place, if measured."""

    rows: int
    fenced: float
    hot: float | None


_BEGAN = "SELECT pg_catalog.clock_timestamp()"
_FENCE = "SELECT orch_target.check_fence({c}, {f}), pg_catalog.clock_timestamp()"
"""Between the two answers lies what it costs to check the fence: parsing, planning and running it, and nothing else."""
_HOT = """
SELECT CASE WHEN made.all_of_them >= 50 THEN made.in_place::float8 / made.all_of_them END
  FROM (SELECT pg_catalog.pg_stat_get_xact_tuples_updated({t}::pg_catalog.regclass) AS all_of_them,
               pg_catalog.pg_stat_get_xact_tuples_hot_updated({t}::pg_catalog.regclass) AS in_place) made"""
"""What this session has updated since it last handed its counts on, which is within the last second or so."""


def _sent(
    send: Send, step: Backfill, mark: Mark, statement: Composed, cursor: Cursor, last: bool, measured: bool
) -> Sent:
    """One message: BEGIN, the clock, the fence check, what fills and tells how many last, the marker, the measure, COMMIT."""
    parts = [raw("BEGIN"), raw(_BEGAN), _fence(mark), statement, _move(mark, cursor, last)]
    if measured:
        parts.append(fill(_HOT, t=literal(table(step.table).as_string(None))))
    results = send(joined("; ", [*parts, raw("COMMIT")]))
    answers: list[Any] = []
    while results.nextset():
        answers.append(results.fetchone() if results.description else (results.rowcount,))
    hot = answers[-2][0] if measured else None
    rows = answers[-4 if measured else -3][0]
    return Sent(max(0, rows), (answers[1][1] - answers[0][0]).total_seconds(), hot)


@lru_cache(maxsize=64)
def _fence(mark: Mark) -> SQL:
    return written(fill(_FENCE, c=literal(mark.change_id), f=literal(mark.fence)))


def _array(position: tuple[str, ...] | None) -> Composable:
    return literal(None if position is None else list(position))


def _move(mark: Mark, cursor: Cursor, last: bool) -> Composed:
    """Advance the stored cursor; its row count lags by this batch, whose count is known only afterwards.

    A held snapshot keeps every version of a row, and whoever looks it up goes through all of them (F25). So now and then the
    marker goes over to another row: of another key, since the old versions would stand under the same one in the index.
    """
    return fill(
        _ROTATE if cursor.moves >= ROTATE_EVERY else _UPDATE,
        lane=literal(cursor.lane),
        turn=literal(cursor.turn),
        rows=literal(cursor.rows),
        c=_array(cursor.position),
        last=literal(last),
        f=literal(mark.fence),
        p=literal(mark.plan_sha256),
        s=literal(mark.step_id),
    )
