"""Statements of applications of the old and the new shape, made from the two schemas, with rows for them to write.

Why it exists: a lock hurts only whom it meets, and a statement that works is shown by sending it. Rows to write come from a small
copy that went through the whole change, so a row of the new shape means something to the old one, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import psycopg

from orchestrator.core.catalog import TableName
from orchestrator.dialects.postgres.text import Composable, fill, joined, name, raw, table
from orchestrator.rehearsal.structure import Column, Table
from orchestrator.rehearsal.values import Values

_BEGIN, _END = "/*<*/", "/*>*/"
_MARKED = re.compile(r"/\*<\*/.*?/\*>\*/", re.DOTALL)
_PLACED = re.compile(r"%%(\((?:number|any|below|[vk]_\w+)\)s)")
_POOL = 40
_KEYS = 2000
BEYOND = 1_000_000_000
"""Rows that clients insert are numbered from here on, so that no row is in their way."""


@dataclass
class Sent:
    """A statement with the rows and keys it draws from. ``text`` shows it to people."""

    shape: str
    text: str
    query: bytes
    path: str
    rows: list[dict[str, str | None]] = field(default_factory=list)
    keys: list[tuple[str, ...]] = field(default_factory=list)
    below: int = 1
    table: TableName | None = None
    written: tuple[str, ...] = ()

    def parameters(self, random: Random, number: int) -> dict[str, Any]:
        """Values for one sending."""
        given: dict[str, Any] = {"number": number, "any": random.randrange(1 << 40), "below": self.below}
        if self.rows:
            given |= {f"v_{_escaped(column)}": value for column, value in random.choice(self.rows).items()}
        if self.keys:
            given |= {f"k_{at}": value for at, value in enumerate(random.choice(self.keys))}
        return given


@dataclass(frozen=True, slots=True)
class Shape:
    """A schema as one version of an application sees it: tables by the names it uses, rows to write, the way to names."""

    title: str
    tables: Mapping[TableName, Table]
    rows: Mapping[TableName, list[dict[str, str | None]]]
    schema: str | None = None

    def path(self) -> str:
        """The search_path of its sessions."""
        quoted = '"' + (self.schema or "").replace('"', '""') + '"'
        return f'{quoted}, "$user", public' if self.schema else '"$user", public'


def shape(link: psycopg.Connection, title: str, tables: Mapping[TableName, Table], schema: str | None = None) -> Shape:
    """A shape with some rows of its tables as texts."""
    rows = {place: _rows(link, each) for place, each in tables.items()}
    return Shape(title, tables, rows, schema)


def _rows(link: psycopg.Connection, each: Table) -> list[dict[str, str | None]]:
    names = [column.name for column in each.columns if not column.generated]
    if not names:
        return []
    query = fill(
        "SELECT {c} FROM {t} LIMIT {n}",
        c=joined(", ", (fill("{c}::text", c=name(column)) for column in names)),
        t=table(each.name),
        n=raw(str(_POOL)),
    )
    return [dict(zip(names, row, strict=True)) for row in link.execute(query).fetchall()]


def keys(link: psycopg.Connection, each: Table) -> list[tuple[str, ...]]:
    """Some primary keys, from anywhere in the table."""
    if not each.primary:
        return []
    query = fill(
        "SELECT {k} FROM {t} WHERE random() < {n} / greatest((SELECT reltuples FROM pg_catalog.pg_class"
        " WHERE oid = %s::regclass), {n}) LIMIT {n}",
        k=joined(", ", (fill("{c}::text", c=name(column)) for column in each.primary)),
        t=table(each.name),
        n=raw(str(_KEYS)),
    )
    return [tuple(row) for row in link.execute(query, (table(each.name).as_string(link),)).fetchall()]


def made(shape: Shape, found: Mapping[TableName, list[tuple[str, ...]]], values: Values) -> Iterator[Sent]:
    """Reads by key, updates of all columns and of each, inserts: of every table of a shape. ``found`` are keys per table."""
    for place, each in shape.tables.items():
        own = _Maker(shape, each, found.get(place) or _own_keys(shape, each), values)
        yield from own.all()


def _own_keys(shape: Shape, each: Table) -> list[tuple[str, ...]]:
    return [
        tuple(row[column] or "" for column in each.primary) for row in shape.rows.get(each.name, []) if each.primary
    ]


class _Maker:
    def __init__(self, shape: Shape, each: Table, keys: list[tuple[str, ...]], values: Values) -> None:
        self._shape, self._table, self._keys, self._values = shape, each, keys, values
        asked = values.tables.get(each.name, each)
        self._apart = tuple(dict.fromkeys((*each.keys, *each.excluded, *asked.keys, *asked.excluded)))
        taken = {column for key in self._apart for column in key}
        bound = {column for leaf in each.leaves for column in leaf.bounds}
        self._given = [column for column in each.columns if not column.generated]
        self._free = [column for column in self._given if column.name not in taken | bound]

    def all(self) -> Iterator[Sent]:
        if not self._keys or not self._shape.rows.get(self._table.name):
            return
        names = joined(", ", (name(column.name) for column in self._table.columns))
        yield self._sent(fill("SELECT {c} FROM {t}{w}", c=names, t=self._place, w=self._where))
        if () in self._apart:  # nothing is known of which rows exclude each other
            return
        if self._free:
            yield self._update(self._free)
        for column in self._free if len(self._free) > 1 else ():
            yield self._update([column])
        if (insert := self._insert()) is not None:
            yield self._sent(insert, self._given)

    def _update(self, columns: list[Column]) -> Sent:
        sets = joined(", ", (fill("{c} = {v}", c=name(column.name), v=_given(column)) for column in columns))
        return self._sent(fill("UPDATE {t} SET {s}{w}", t=self._place, s=sets, w=self._where), columns)

    def _insert(self) -> Composable | None:
        """A row of the pool, but for what must differ; none where a key is made of references alone."""
        fresh: dict[str, Composable] = {}
        for key in self._apart:
            apart = [each for each in key if (self._table.name, each) in self._values.distinct]
            if not apart:
                return None
            for each in apart:
                value = self._values.value(self._table.name, each, raw("%(number)s::bigint"))
                fresh[each] = fill("{b}{v}{e}", b=raw(_BEGIN), v=value, e=raw(_END))
        return fill(
            "INSERT INTO {t} ({c}) OVERRIDING SYSTEM VALUE VALUES ({v})",
            t=self._place,
            c=joined(", ", (name(column.name) for column in self._given)),
            v=joined(", ", (fresh.get(column.name, _given(column)) for column in self._given)),
        )

    @property
    def _place(self) -> Composable:
        place = self._table.name
        return name(place.name) if self._shape.schema or place.schema == "public" else table(place)

    @property
    def _where(self) -> Composable:
        parts = (
            fill("{c} = {v}", c=name(column), v=_place(f"k_{at}", f"::text::{self._table.column(column).type}"))
            for at, column in enumerate(self._table.primary)
        )
        return fill(" WHERE {p}", p=joined(" AND ", parts))

    def _sent(self, query: Composable, written: Iterable[Column] = ()) -> Sent:
        text = query.as_string(None)
        rows = self._shape.rows[self._table.name]
        sent = cast(text.replace(_BEGIN, "").replace(_END, ""))
        found = Sent(self._shape.title, _MARKED.sub("?", text), sent, self._shape.path(), rows, self._keys)
        found.table, found.written = self._table.name, tuple(column.name for column in written)
        return found


def merged(statements: Iterable[Sent], old: Shape, new: Shape) -> list[Sent]:
    """Statements that both shapes have become those of both, unless the new shape demands something else of what they write."""
    given = list(statements)
    before = {(each.text, each.path) for each in given if each.shape == "old"}
    shared = {
        (e.text, e.path) for e in given if e.shape == "new" and (e.text, e.path) in before and _alike(e, old, new)
    }
    kept = [e for e in given if e.shape == "old" or (e.text, e.path) not in shared]
    return [replace(e, shape="both") if (e.text, e.path) in shared else e for e in kept]


def _alike(sent: Sent, old: Shape, new: Shape) -> bool:
    """Whether what a statement writes obeys the same rules in both shapes."""
    if sent.table is None or sent.table not in old.tables or sent.table not in new.tables:
        return False
    before, after = old.tables[sent.table], new.tables[sent.table]
    return all(_demands(before, column) == _demands(after, column) for column in sent.written)


def _demands(each: Table, column: str) -> tuple[Any, ...]:
    return (
        each.column(column),
        {rule.condition for rule in each.rules if column in rule.columns},
        {key for key in (*each.keys, *each.excluded) if column in key},
        {(r.table, r.there) for r in each.references if column in r.columns},
    )


def cast(text: str) -> bytes:
    """A text with places for values as psycopg takes it: every other % is doubled."""
    return _PLACED.sub(r"%\1", text.replace("%", "%%")).encode()


def _place(parameter: str, cast: str = "") -> Composable:
    """The place of a value, marked, so that a statement can be shown without it."""
    return raw(f"{_BEGIN}%({parameter})s{cast}{_END}")


def _given(column: Column) -> Composable:
    return _place(f"v_{_escaped(column.name)}", f"::text::{column.type}")


def _escaped(column: str) -> str:
    """A column's name as psycopg takes it between parentheses."""
    return "".join(letter if letter.isalnum() or letter == "_" else f"_{ord(letter)}_" for letter in column)
