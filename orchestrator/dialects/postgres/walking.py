"""Where the next batch of a backfill lies: lanes over ranges of pages, windows within a lane, stripes within a window.

Why it exists: the order decides what a backfill costs. Rows are walked in the order of the heap whatever their key: against
the order of a key, even one that follows the heap, it is 1.4 times as fast (each stripe of a window reads the window), and with
a random one it also writes a sixth of the WAL. The key is walked where a table is no heap, which may have no such order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import psycopg
from psycopg.sql import Composable

from orchestrator.core import batching
from orchestrator.core.batching import Layout, Striping
from orchestrator.core.catalog import TableName
from orchestrator.core.ports import Cursor
from orchestrator.core.step import Backfill
from orchestrator.dialects.postgres import batches, partitions
from orchestrator.dialects.postgres.text import fill, literal, raw, table

PAGES, KEYS = "pages", "keys"
"""How a stored position begins: which order it belongs to."""
Position = tuple[str, ...]
PLAIN = Striping(1)


class _Place(NamedTuple):
    """A lane's position in the order of pages.

    ``end`` is where the lane's range ends; ``page`` and ``to`` bound the window at hand, of whose ``stripes`` ``stripe`` is next.
    Pages are those of ``filenode``: a table that was written anew has others.
    """

    schema: str
    name: str
    filenode: int
    end: int
    page: int
    to: int
    stripes: int
    stripe: int

    @property
    def table(self) -> TableName:
        return TableName(self.schema, self.name)

    @property
    def stored(self) -> Position:
        return (PAGES, *map(str, self))


def _place(position: Position) -> _Place:
    _, schema, name, *numbers = position
    return _Place(schema, name, *map(int, numbers))


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one batch fills: the Step as it is for the table at hand, the condition, the position afterwards."""

    step: Backfill
    where: Composable
    position: Position | None
    last: bool
    striping: Striping = PLAIN
    ends_window: bool = False
    """Of a window of several stripes this is the last one: what they were worth can be measured."""


def starts(link: psycopg.Connection, step: Backfill) -> tuple[Position, ...]:
    """Where each lane begins. The first lane is there in any case."""
    leaves = partitions.heaps(link, step.table)
    if leaves is None:
        return ((KEYS,),)
    found = [
        _Place(leaf.table.schema, leaf.table.name, leaf.filenode, end, start, start, 0, 0).stored
        for leaf in leaves
        for start, end in batching.segments(leaf.pages)
    ]
    return tuple(found) or ((KEYS,),)


def is_known(position: Position | None) -> bool:
    """Whether it is a position of one of the orders of today."""
    return position is not None and (position[0] == KEYS or (position[0] == PAGES and len(position) == 9))


def following(link: psycopg.Connection, step: Backfill, cursor: Cursor) -> tuple[Stretch, Cursor]:
    """The stretch behind the cursor, and the cursor with what was decided for the window."""
    position = cursor.position or (KEYS,)
    if position[0] == KEYS:
        return _by_key(link, step, position[1:]), cursor
    place, plain = _place(position), Striping(1, cursor.plain)
    if place.stripe < place.stripes:
        striping = Striping(place.stripes) if place.stripes > 1 else plain
        return _stretch(step, place, striping), cursor
    if (layout := _layout(link, step, place)) is None:
        return Stretch(step, raw("false"), position, True), cursor
    striping = batching.striping(layout, cursor.plain)
    pages, stripes = batching.window(step.batch_rows, layout.density, striping.count)
    place = place._replace(page=place.to, to=min(place.to + pages, place.end), stripes=stripes, stripe=0)
    left = max(0, cursor.plain_left - 1)
    return _stretch(step, place, striping), replace(cursor, plain_left=left, plain=cursor.plain if left else "")


def judged(cursor: Cursor, stretch: Stretch, hot: float | None) -> Cursor:
    """The cursor, going without stripes for a while where they proved useless."""
    if (why := batching.useless(stretch.striping, hot)) == "":
        return cursor
    return replace(cursor, plain=why, plain_left=batching.PLAIN_WINDOWS)


def _stretch(step: Backfill, place: _Place, striping: Striping) -> Stretch:
    here = replace(step, table=place.table)
    where = batches.pages(place.page, place.to, place.stripes, place.stripe)
    moved = place._replace(stripe=place.stripe + 1)
    over = moved.stripe >= moved.stripes
    return Stretch(here, where, moved.stored, over and place.to >= place.end, striping, over and place.stripes > 1)


def _by_key(link: psycopg.Connection, step: Backfill, start: Position) -> Stretch:
    """Behind a key, up to a batch of rows; all is left to the mop-up where there is no key."""
    if not step.key:
        return Stretch(step, raw("false"), (KEYS,), True)
    end = link.execute(batches.bound(step, start or None)).fetchone()
    position = start if end is None else tuple(end)
    where = batches.between(step, start or None, None if end is None else position)
    return Stretch(step, where, (KEYS, *position), end is None)


_LAYOUT = """
SELECT pg_catalog.pg_relation_filenode(c.oid)::bigint, greatest(1, c.reltuples / greatest(1, c.relpages))::float8,
       (SELECT count(*) FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid),
       EXISTS (SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
                WHERE i.indrelid = c.oid AND a.attname = ANY ({columns}) AND (
                      a.attnum = ANY (i.indkey::int2[]) OR EXISTS (
                      SELECT FROM pg_catalog.pg_depend d
                       WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = i.indexrelid
                         AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = c.oid
                         AND d.refobjsubid = a.attnum)))
  FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass({t})
"""


def _layout(link: psycopg.Connection, step: Backfill, place: _Place) -> Layout | None:
    """What decides about stripes now; None where the pages are no more: the mop-up finds the rows wherever they are."""
    columns = [step.column, *(filled.column for filled in step.also)]
    query = fill(_LAYOUT, t=literal(table(place.table).as_string(None)), columns=literal(columns))
    row = link.execute(query).fetchone()
    if row is None or row[0] != place.filenode or place.to >= place.end:
        return None
    return Layout(density=row[1], indexes=row[2], indexed=row[3])
