"""The statements of a backfill: ranges by key or by page, the direct UPDATE, the mop-up.

Why it exists: every batch carries the guard that never overwrites a value (F3). Ranges of pages are read by TID range scans
(PostgreSQL 14 on); a stripe of them is told by where in its page a row is, which spreads it evenly over every page, whatever
the keys are (F15), and costs less than a hash.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from psycopg.sql import SQL, Composable, Composed

from orchestrator.core.step import Backfill
from orchestrator.dialects.postgres.calls import call, nulls
from orchestrator.dialects.postgres.text import fill, joined, literal, name, raw, table, written


def _values(step: Backfill, prefix: str = "") -> tuple[tuple[str, Composed], ...]:
    """What each column of a row gets; with prefix ``try_``, NULL where the conversion raises."""
    also = [(filled.column, call(filled.value, prefix)) for filled in step.also]
    return ((step.column, _value(step, prefix)), *also)


def _value(step: Backfill, prefix: str) -> Composed:
    if step.value is not None:
        return call(step.value, prefix)
    if step.source is not None:
        return fill("{c}", c=name(step.source))
    return fill("(\n{e}\n)", e=raw(step.expression or "NULL"))


def empty(step: Backfill) -> Composed:
    """Rows of which no column has a value: a shape that is written in part is written (F3)."""
    return nulls((step.column, *(filled.column for filled in step.also)))


def guard(step: Backfill, prefix: str = "") -> Composed:
    """Only rows that are empty and can be filled (F3); each required column must get a value, else one of them."""
    if step.expression is not None:
        return empty(step)
    values = _values(step, prefix)
    needed = [value for column, value in values if column in step.required] or [value for _, value in values]
    meant = joined(" AND " if step.required else " OR ", [fill("{v} IS NOT NULL", v=value) for value in needed])
    if not step.also:
        return fill("{empty} AND {meant}", empty=empty(step), meant=meant)
    whole = fill(" AND NOT ({fails})", fails=_fails(step)) if prefix else fill("")
    return fill("{empty} AND ({meant}){whole}", empty=empty(step), meant=meant, whole=whole)


def _fails(step: Backfill) -> Composed:
    """Whether one of the conversions raises; then none of the columns is filled."""
    conversions = [step.value, *(filled.value for filled in step.also)]
    return joined(" OR ", [call(each, "fails_") for each in conversions if each is not None])


def update(step: Backfill, where: Composable, prefix: str = "") -> Composed:
    """The direct UPDATE of one range."""
    before, behind = _around(replace(step, batch_rows=0), prefix)
    return joined("", [before, where, behind])


@lru_cache(maxsize=64)
def _around(step: Backfill, prefix: str) -> tuple[SQL, SQL]:
    """What stands before and behind the range: the same in thousands of batches, so it is written once."""
    sets = [fill("{c} = {v}", c=name(column), v=value) for column, value in _values(step, prefix)]
    before = fill("UPDATE /* orch */ {t} SET {sets} WHERE ", t=table(step.table), sets=joined(", ", sets))
    return written(before), written(fill(" AND {guard}", guard=guard(step, prefix)))


def _row(step: Backfill) -> Composable:
    columns = [name(argument.name) for argument in step.key]
    return columns[0] if len(columns) == 1 else fill("({c})", c=joined(", ", columns))


def _position(step: Backfill, position: tuple[str, ...]) -> Composable:
    values = [fill("{v}::{t}", v=literal(v), t=raw(a.type)) for v, a in zip(position, step.key, strict=True)]
    return values[0] if len(values) == 1 else fill("({v})", v=joined(", ", values))


def after(step: Backfill, position: tuple[str, ...] | None) -> Composed:
    """Rows behind a position."""
    if position is None:
        return fill("true")
    return fill("{row} > {position}", row=_row(step), position=_position(step, position))


def between(step: Backfill, start: tuple[str, ...] | None, end: tuple[str, ...] | None) -> Composed:
    """Rows behind ``start`` up to and with ``end``; open where None."""
    if end is None:
        return after(step, start)
    return fill("{a} AND {row} <= {end}", a=after(step, start), row=_row(step), end=_position(step, end))


def bound(step: Backfill, start: tuple[str, ...] | None) -> Composed:
    """The key that ends the next batch; no row when less than a whole batch is left."""
    # Qualified: a bare name in ORDER BY would mean the text in the output, and '100897' sorts before '2'.
    keys = joined(", ", [fill("{t}.{k}", t=table(step.table), k=name(argument.name)) for argument in step.key])
    return fill(
        "SELECT /* orch */ {texts} FROM {t} WHERE {after} ORDER BY {keys} OFFSET {skip} LIMIT 1",
        texts=joined(", ", [fill("{k}::text", k=name(argument.name)) for argument in step.key]),
        t=table(step.table),
        after=after(step, start),
        keys=keys,
        skip=literal(step.batch_rows - 1),
    )


def pages(start: int, end: int, stripes: int = 1, stripe: int = 0) -> SQL:
    """Rows of a range of pages; of several stripes (a power of two up to 256), those of one."""
    where = f"ctid >= '({start:d},0)'::tid AND ctid < '({end:d},0)'::tid"
    if stripes > 1:
        where += f" AND pg_catalog.get_byte(pg_catalog.tidsend(ctid), 5) & {stripes - 1:d} = {stripe:d}"
    return raw(where)


def at(tids: Iterable[str]) -> Composed:
    """Rows at these places."""
    return fill("ctid = ANY ({tids}::tid[])", tids=literal(list(tids)))


def unlocked(step: Backfill, where: Composable) -> Composed:
    """Of these rows, those that are empty and that nobody holds, locked. The locks go into the WAL: it is not the rule."""
    return fill(
        "ctid = ANY (ARRAY(SELECT ctid FROM {t} WHERE {where} AND {empty} FOR NO KEY UPDATE SKIP LOCKED))",
        t=table(step.table),
        where=where,
        empty=empty(step),
    )


def key(step: Backfill, row: str = "") -> Composed:
    """A row's key as rejected rows are recorded under; NULL where it has none."""
    if not step.key:
        return fill("NULL::jsonb")
    pairs = joined(", ", [fill("{k}, {r}{c}", k=literal(a.name), r=raw(row), c=name(a.name)) for a in step.key])
    return fill("pg_catalog.jsonb_build_object({p})", p=pairs)


def open_rows(step: Backfill, prefix: str) -> Composed:
    """What a mop-up has to fill: rows that are empty, can be filled, and were not refused."""
    if not step.key:
        return guard(step, prefix)
    return fill(
        "{guard} AND NOT EXISTS (SELECT FROM orch_target.rejected_row r WHERE r.sync_id = {sync} AND r.key = {key})",
        guard=guard(step, prefix),
        sync=literal(step.sync_id),
        key=key(step, "t."),
    )


def recorded(step: Backfill) -> Composed:
    """Whether any row was refused under this sync."""
    return fill("SELECT EXISTS (SELECT FROM orch_target.rejected_row WHERE sync_id = {s})", s=literal(step.sync_id))


def _refused(step: Backfill, prefix: str) -> Composed:
    """Records ``r`` of rows that would convert and are empty all the same: a constraint or a trigger refused them."""
    return fill(
        "r.sync_id = {s} AND EXISTS (SELECT /* orch */ FROM {t} t WHERE {key} = r.key AND {guard})",
        s=literal(step.sync_id),
        t=table(step.table),
        key=key(step, "t."),
        guard=guard(step, prefix),
    )


def refused(step: Backfill, prefix: str) -> Composed:
    """How many rows a constraint or a trigger keeps empty, and the first of them: key and SQLSTATE."""
    return fill(
        "SELECT count(*), (pg_catalog.array_agg(r.key::text || ' ' || r.sqlstate ORDER BY r.key))[:5]"
        " FROM orch_target.rejected_row r WHERE {those}",
        those=_refused(step, prefix),
    )


def forgotten(step: Backfill) -> Composed:
    """Take all from the record but rows that do not convert: those of it that are still empty are tried again."""
    return fill(
        "DELETE FROM orch_target.rejected_row r WHERE r.sync_id = {s} AND r.direction = 'up'"
        " AND NOT EXISTS (SELECT /* orch */ FROM {t} t WHERE {key} = r.key AND ({fails}))",
        s=literal(step.sync_id),
        t=table(step.table),
        key=key(step, "t."),
        fails=fill("false") if step.value is None else _fails(step),
    )


def left_between(step: Backfill, prefix: str, start: tuple[str, str], until: int) -> Composed:
    """Places of up to a batch of rows that are left, behind a place and before a page, in their order."""
    return fill(
        "SELECT /* orch */ t.ctid::text FROM {t} t"
        " WHERE t.ctid > {a}::tid AND t.ctid < {b}::tid AND {rows} ORDER BY t.ctid LIMIT {n}",
        t=table(step.table),
        a=literal(f"({start[0]},{start[1]})"),
        b=literal(f"({until},0)"),
        rows=open_rows(step, prefix),
        n=literal(step.batch_rows),
    )


def count_left(step: Backfill, prefix: str) -> Composed:
    """How many rows are left to fill."""
    return fill("SELECT /* orch */ count(*) FROM {t} t WHERE {rows}", t=table(step.table), rows=open_rows(step, prefix))


def where_left(step: Backfill, prefix: str) -> Composed:
    """Schema and name of the table, or of a partition, that has something left to fill; no row when none has."""
    return fill(
        "SELECT /* orch */ n.nspname::text, c.relname::text"
        " FROM (SELECT t.tableoid AS part FROM {t} t WHERE {rows} LIMIT 1) AS left_over"
        " JOIN pg_catalog.pg_class c ON c.oid = left_over.part JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace",
        t=table(step.table),
        rows=open_rows(step, prefix),
    )


def shown(step: Backfill) -> Composed:
    """The UPDATE as ``orch plan`` shows it."""
    return update(step, raw("ctid >= '(:page,0)' AND ctid < '(:next_page,0)'"))
