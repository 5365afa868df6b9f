"""The oracle: two databases in which the applications do the same without orch.

Why it exists: what a row must hold may not be asked of the triggers under test. The twin ``old`` keeps the first shape, the
twin ``new`` was changed by plain DDL. Every write of an application is repeated, word for word, on the twin of the shape
it was written through, while the row lock of the database under test is still held; the other twin gets what the
example's own expressions make of it. In the end both are compared with the table, column by column.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from tests.conformance.example import Fact
from tests.conformance.scene import SIDES, Scene, Side

Texts = Mapping[str, str | None]
Link = psycopg.Connection[tuple[Any, ...]]
_DEFAULTS = """
SELECT a.attname FROM pg_attribute a JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attrelid = to_regclass(quote_ident(%s)) AND a.attgenerated = ''
   AND pg_get_expr(d.adbin, d.adrelid) NOT LIKE 'nextval(%%'
"""


@dataclass(frozen=True)
class Row:
    """One row an application inserts. ``given`` is what it put into the columns of each shape that it wrote."""

    id: int
    given: Mapping[Side, Texts]
    others: Texts = field(default_factory=dict)


def other(side: Side) -> Side:
    """The other shape."""
    return "new" if side == "old" else "old"


def columns(fact: Fact, side: Side) -> Mapping[str, list[str]]:
    """The columns that hold a fact in one shape, with what may be written there."""
    return fact.old if side == "old" else fact.new


def translation(fact: Fact, side: Side) -> dict[str, str]:
    """Column of the other shape → expression over the row in this one."""
    given = fact.up if side == "old" else fact.down
    here = list(columns(fact, side))
    found = {}
    for name in columns(fact, other(side)):
        source = name if name in here else here[0] if len(here) == 1 else None
        assert name in given or source, f"say what {name} is: {'up' if side == 'old' else 'down'}"
        found[name] = given.get(name) or sql.Identifier(str(source)).as_string(None)
    return found


def listed(names: Iterable[str]) -> sql.Composed:
    """Names with commas between them."""
    return sql.SQL(", ").join(map(sql.Identifier, names))


def sets(values: Texts) -> sql.Composed:
    """``a = 'x', b = NULL``: literals without a type, as an application's driver sends them."""
    pairs = (sql.SQL("{} = {}").format(sql.Identifier(name), sql.Literal(value)) for name, value in values.items())
    return sql.SQL(", ").join(pairs)


def insertion(table: str, rows: Sequence[Texts]) -> sql.Composed:
    """One INSERT of rows that name the same columns."""
    lines = (sql.SQL("({})").format(sql.SQL(", ").join(map(sql.Literal, row.values()))) for row in rows)
    return sql.SQL("INSERT INTO {} ({}) VALUES {}").format(
        sql.Identifier(table), listed(rows[0]), sql.SQL(", ").join(lines)
    )


class Mirror:
    """Both twins, as one application session reaches them."""

    def __init__(self, scene: Scene, links: Mapping[Side, Link]) -> None:
        self._scene, self._links = scene, links
        self.tables = scene.tables
        self.defaults = {side: self._with_default(side) for side in self.tables}

    def insert(self, row: Row, *, synced: bool) -> None:
        """Repeat an INSERT. Facts left out take the old default where both shapes are in sync."""
        first: Side = "old" if "old" in row.given else "new"
        second = other(first)
        self._put(first, row.id, {**row.given[first], **row.others})
        if second in row.given:
            self._put(second, row.id, {**row.given[second], **row.others})
            return
        facts = self._scene.example.facts
        left_out = [f for f in facts if columns(f, first).keys() - row.given[first].keys()]
        written = [f for f in facts if f not in left_out or first == "old"]
        self._put(second, row.id, {**self.translated(first, [row.id], written)[row.id], **row.others})
        if first == "new" and "old" in self.tables:
            self._settle_defaults(row.id, written)
            if synced and left_out:
                self._write("new", row.id, self.translated("old", [row.id], left_out)[row.id])

    def update(self, ids: Sequence[int], fact: Fact, given: Mapping[Side, Texts]) -> None:
        """Repeat an UPDATE of one fact; a value that stays the same leaves the other shape alone."""
        changed: set[int] = set()
        for side, values in given.items():
            before = self.read(side, list(values), ids)
            for key in ids:
                self._write(side, key, values)
            after = self.read(side, list(values), ids)
            changed |= {key for key in after if before.get(key) != after[key]}
        if len(given) == 1:
            (side,) = given
            for key, values in self.translated(side, sorted(changed), [fact]).items():
                self._write(other(side), key, values)

    def write_others(self, ids: Sequence[int], values: Texts) -> None:
        """Repeat an UPDATE of columns that the change leaves alone."""
        for side, key in itertools.product(self.tables, ids):
            self._write(side, key, values)

    def move(self, key: int, to: int) -> None:
        """Repeat a key update."""
        values = {self._scene.example.key: str(to), **self._scene.key_values(to)}
        for side in self.tables:
            self._write(side, key, values)

    def delete(self, key: int) -> None:
        """Repeat a DELETE."""
        for side, table in self.tables.items():
            self._links[side].execute(sql.SQL("DELETE FROM {} WHERE {}").format(sql.Identifier(table), self._at(key)))

    def read(
        self, side: Side, names: Sequence[str], ids: Sequence[int] | None = None
    ) -> dict[int, tuple[str | None, ...]]:
        """Some columns of some rows, or of all, as text."""
        return self._select(side, [sql.SQL("{}::text").format(sql.Identifier(name)) for name in names], ids)

    def evaluated(self, side: Side, expressions: Mapping[str, str]) -> dict[str, str | None]:
        """What some SQL expressions are, as text."""
        asked = ", ".join(f"({expression}\n)::text" for expression in expressions.values())
        (row,) = self._links[side].execute(f"SELECT {asked}".encode()).fetchall()
        return dict(zip(expressions, row, strict=True))

    def translated(
        self, side: Side, ids: Sequence[int] | None, facts: Sequence[Fact]
    ) -> dict[int, dict[str, str | None]]:
        """What rows, written through ``side``, must show in the other shape."""
        wanted = {name: expression for fact in facts for name, expression in translation(fact, side).items()}
        texts = [sql.SQL("(" + text + "\n)::text") for text in wanted.values()]
        if not wanted or side not in self.tables:
            return {key: {} for key in ids or ()}
        return {key: dict(zip(wanted, row, strict=True)) for key, row in self._select(side, texts, ids).items()}

    def restart(self, found: Mapping[str, Mapping[int, str | None]]) -> None:
        """After an abort: what stayed (``found``: column → key → value) is the old shape's, the new one follows from it."""
        for name, values in found.items():
            for key, value in values.items():
                self._write("old", key, {name: value})
        if "new" in self.tables:
            for key, values_now in self.translated("old", None, self._scene.example.facts).items():
                self._write("new", key, values_now)

    def _settle_defaults(self, key: int, facts: Iterable[Fact]) -> None:
        """A default of the old shape stays where it already means what the new version wrote (correctness F2)."""
        for fact in facts:
            having = [name for name in fact.old if name in self.defaults["old"] and fact.new]
            if not having:
                continue
            meant = self.read("new", list(fact.new), [key])
            down = dict(zip(fact.old, self.read("old", list(fact.old), [key])[key], strict=True))
            unset = sql.SQL(", ").join(sql.SQL("{} = DEFAULT").format(sql.Identifier(name)) for name in having)
            self._update("old", key, unset)
            if tuple(self.translated("old", [key], [fact])[key].values()) != meant[key]:
                self._write("old", key, down)

    def _put(self, side: Side, key: int, values: Texts) -> None:
        if side in self.tables:
            row = {self._scene.example.key: str(key), **self._scene.key_values(key), **values}
            self._links[side].execute(insertion(self.tables[side], [row]))

    def _write(self, side: Side, key: int, values: Texts) -> None:
        if values and side in self.tables:
            self._update(side, key, sets(values))

    def _update(self, side: Side, key: int, assignments: sql.Composed) -> None:
        query = sql.SQL("UPDATE {} SET {} WHERE {}")
        self._links[side].execute(query.format(sql.Identifier(self.tables[side]), assignments, self._at(key)))

    def _at(self, *keys: int) -> sql.Composed:
        found = sql.SQL(", ").join([sql.SQL("NULL"), *map(sql.Literal, keys)])
        return sql.SQL("{} IN ({})").format(sql.Identifier(self._scene.example.key), found)

    def _select(
        self, side: Side, texts: Sequence[sql.Composable], ids: Sequence[int] | None
    ) -> dict[int, tuple[str | None, ...]]:
        where = sql.SQL("true") if ids is None else self._at(*ids)
        query = sql.SQL("SELECT {} FROM {} WHERE {}").format(
            sql.SQL(", ").join([sql.Identifier(self._scene.example.key), *texts]),
            sql.Identifier(self.tables[side]),
            where,
        )
        return {row[0]: row[1:] for row in self._links[side].execute(query)}

    def _with_default(self, side: Side) -> frozenset[str]:
        """Columns that a writer may leave out and both twins fill alike: sequences are not shared."""
        return frozenset(row[0] for row in self._links[side].execute(_DEFAULTS, [self.tables[side]]))


__all__ = ["SIDES", "Mirror", "Row", "Side", "Texts", "columns", "insertion", "listed", "other", "sets", "translation"]
