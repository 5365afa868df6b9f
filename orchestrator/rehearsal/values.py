"""What every column of every row is, as SQL over the row's number: keys differ, references lead to rows, partitions take them.

Why it exists: rows are made where they are needed, by the server, with all constraints in view; the same expressions give the
clients of a rehearsal rows to insert.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import psycopg

from orchestrator.core.catalog import TableName
from orchestrator.dialects.postgres.text import Composable, Composed, fill, joined, literal, name, raw
from orchestrator.rehearsal.statistics import Facts
from orchestrator.rehearsal.structure import Column, Reference, Table
from orchestrator.rehearsal.typed import Make, alternatives, can_differ, is_range, maker, room

_MOST = 9_223_372_036_854_775_807
_TRIED = 200
_RANGE = re.compile(r"^FOR VALUES FROM \((.*?)\) TO \((.*?)\)$", re.DOTALL)
_LIST = re.compile(r"^FOR VALUES IN \((.*)\)$", re.DOTALL)
_LESS = re.compile(r"^\(?\(?(\w+)\)? <=? \(?(\w+)\)?\)?$")
_STEP = {"date": "1", "timestamp": "interval '1 hour'", "timestamptz": "interval '1 hour'", "time": "interval '0'"}
_DEPTH = 8
_ALL = -0.999


@dataclass(frozen=True, slots=True)
class _Digit:
    """Which digit of the row's number a part of a composite key takes: (number - 1) / divisor % modulus."""

    divisor: int
    modulus: int


@dataclass
class Values:
    """The values of all tables. ``counts`` are rows per table, already cut to what their keys have room for."""

    tables: Mapping[TableName, Table]
    facts: Facts
    counts: dict[TableName, int]
    makes: dict[tuple[TableName, str], Make] = field(default_factory=dict)
    distinct: set[tuple[TableName, str]] = field(default_factory=set)
    digits: dict[tuple[TableName, str], _Digit] = field(default_factory=dict)
    one_to_one: set[tuple[TableName, str]] = field(default_factory=set)
    after: dict[tuple[TableName, str], str] = field(default_factory=dict)
    unmet: list[tuple[TableName, str]] = field(default_factory=list)
    """Checks for which no values were found."""

    def row(self, table: Table, number: Composable) -> list[tuple[Column, Composable]]:
        """Each column that can be given, with its value in the row of that number."""
        given = [each for each in table.columns if not each.generated]
        return [(each, self.value(table.name, each.name, number)) for each in given]

    def value(self, place: TableName, column: str, number: Composable, depth: int = 0) -> Composable:
        """The value of one column in the row of that number."""
        table = self.tables[place]
        found = table.column(column)
        reference = referring(table, column)
        if reference is not None and depth < _DEPTH and self.counts.get(reference.table, 0):
            there = reference.there[reference.columns.index(column)]
            row = self._referred(table, reference, number)
            value = self.value(reference.table, there, row, depth + 1)
        elif reference is not None:
            return raw("NULL")
        else:
            value = self._own(table, found, number)
        return fill("({v})::{t}", v=self._or_null(table, found, reference, number, value), t=raw(found.type))

    def _or_null(
        self, table: Table, column: Column, reference: Reference | None, number: Composable, value: Composable
    ) -> Composable:
        if column.required or any(column.name in key for key in table.keys):
            return value
        if reference is not None and any(table.column(each).required for each in reference.columns):
            return value
        nulls = round(self.facts.column(table.name, column.name).null_fraction * 10_000)
        if nulls <= 0:
            return value
        salt = _salt(table.name, reference.name if reference else f"null {column.name}")
        return fill(
            "CASE WHEN {h} % 10000 < {n} THEN NULL ELSE {v} END", h=_hash(number, salt), n=literal(nulls), v=value
        )

    def _referred(self, table: Table, reference: Reference, number: Composable) -> Composable:
        count = self.counts[reference.table]
        if (table.name, reference.name) in self.one_to_one:
            return number
        if (digit := self.digits.get((table.name, reference.name))) is not None:
            return _digit(number, digit)
        hashed = _hash(number, _salt(table.name, reference.name))
        if reference.table == table.name:
            return fill("greatest({i} - 1 - {h} % 10, 1)", i=number, h=hashed)
        return fill("(1 + {h} % {n})", h=hashed, n=literal(count))

    def _own(self, table: Table, column: Column, number: Composable) -> Composable:
        place = (table.name, column.name)
        if table.leaves and any(column.name in leaf.bounds for leaf in table.leaves):
            bounded = _bounded(table, column, number)
            if bounded is not None:
                return bounded
        if (before := self.after.get(place)) is not None:
            step = _STEP.get(column.base, "1")
            return fill("({v} + {s})", v=self.value(table.name, before, number), s=raw(step))
        make = self.makes.get(place)
        if make is None:
            return raw("NULL")
        facts = self.facts.column(table.name, column.name)
        if place in self.distinct:
            return make(number, facts.width)
        if (digit := self.digits.get(place)) is not None:
            return make(_digit(number, digit), facts.width)
        count = self.counts.get(table.name, 1)
        distinct = facts.distinct if facts.distinct > 0 else -facts.distinct * count
        few = max(1, min(round(distinct), room(column)))
        index = fill("(1 + {h} % {n})", h=_hash(number, _salt(*place)), n=literal(few))
        return make(index, facts.width)


def planned(link: psycopg.Connection, tables: Mapping[TableName, Table], facts: Facts, scale: float) -> Values:
    """Values for every table, checked against the CHECKs on the server of ``link``, which is asked and not changed."""
    found = Values(tables, facts, {})
    for table in _referred_first(tables):
        found.counts[table.name] = _wanted(table, facts, scale)
        _make(link, found, table)
        for columns in (*table.keys, *table.excluded):
            _keep_apart(found, table, columns)
        _differ(found, table)
    return found


def _differ(found: Values, table: Table) -> None:
    """What is different in every row of the target is so here, whether or not anything demands it."""
    for column in table.columns:
        facts = found.facts.columns.get((table.name, column.name))
        free = referring(table, column.name) is None and not _in_bounds(table, column) and can_differ(column)
        if facts is not None and facts.distinct <= _ALL and free and room(column) >= found.counts[table.name]:
            found.distinct.add((table.name, column.name))


def _wanted(table: Table, facts: Facts, scale: float) -> int:
    places = [leaf.table for leaf in table.leaves] or [table.name]
    rows = sum(facts.rows.get(place, 0) for place in places)
    return max(round(rows * scale), 1) if rows else 0


def _referred_first(tables: Mapping[TableName, Table]) -> list[Table]:
    done: dict[TableName, Table] = {}

    def visit(table: Table, path: frozenset[TableName]) -> None:
        for reference in table.references:
            if reference.table in tables and reference.table not in path and reference.table not in done:
                visit(tables[reference.table], path | {reference.table})
        done.setdefault(table.name, table)

    for each in tables.values():
        visit(each, frozenset({each.name}))
    return list(done.values())


def referring(table: Table, column: str) -> Reference | None:
    """The foreign key that decides a column: the one of most columns."""
    return next((each for each in table.references if column in each.columns), None)


def _keep_apart(found: Values, table: Table, columns: tuple[str, ...]) -> None:
    """See that no two rows agree in these columns; the table gets fewer rows where there is no room for as many."""
    if not columns:
        return
    own = [table.column(each) for each in columns if referring(table, each) is None]
    free = [each for each in own if not _in_bounds(table, each)]
    best = sorted((each for each in free if can_differ(each)), key=lambda c: (not is_range(c), -room(c)))
    if any((table.name, each.name) in found.distinct for each in free):
        return
    whole = next((r for r in table.references if set(columns) <= set(r.columns) and r.table != table.name), None)
    if best:
        found.distinct.add((table.name, best[0].name))
        _at_most(found, table, room(best[0]))
    elif whole is not None:
        found.one_to_one.add((table.name, whole.name))
        _at_most(found, table, found.counts.get(whole.table, 0))
    else:
        _share_out(found, table, columns)


def _share_out(found: Values, table: Table, columns: tuple[str, ...]) -> None:
    """Each part of a key is one digit of the row's number."""
    divisor = 1
    for part in dict.fromkeys(referring(table, each) or table.column(each) for each in columns):
        many = found.counts.get(part.table, 1) if isinstance(part, Reference) else room(part)
        found.digits[table.name, part.name] = _Digit(divisor, max(many, 1))
        divisor *= max(many, 1)
    _at_most(found, table, divisor)


def _at_most(found: Values, table: Table, rows: int) -> None:
    found.counts[table.name] = min(found.counts[table.name], rows)


def _in_bounds(table: Table, column: Column) -> bool:
    return any(
        not leaf.bounds[column.name].startswith("FOR VALUES WITH")
        for leaf in table.leaves
        if column.name in leaf.bounds
    )


def _make(link: psycopg.Connection, found: Values, table: Table) -> None:
    for column in table.columns:
        if (make := maker(column)) is not None:
            found.makes[table.name, column.name] = make
    for rule in table.rules:
        pair = _LESS.match(rule.condition)
        if len(rule.columns) == 1:
            _obey(link, found, table, rule.columns[0], rule.condition, rule.columns[0])
        elif pair and referring(table, pair[2]) is None and {pair[1], pair[2]} == set(rule.columns):
            found.after[table.name, pair[2]] = pair[1]
    for column in table.columns:
        for condition in column.checks:
            _obey(link, found, table, column.name, re.sub(r"\bVALUE\b", "value", condition), "value")


def _obey(link: psycopg.Connection, found: Values, table: Table, column: str, condition: str, alias: str) -> None:
    """Choose values that a CHECK takes, by asking the server."""
    it = table.column(column)
    place = (table.name, column)
    ordinary = found.makes.get(place)
    width = found.facts.column(*place).width
    others = alternatives(it, condition)
    for make in ([ordinary] if ordinary else []) + others:
        if _passes(link, it, make, width, condition, alias):
            found.makes[place] = make
            return
    found.unmet.append((table.name, f"{column}: {condition}"))


def _passes(link: psycopg.Connection, column: Column, make: Make, width: int, condition: str, alias: str) -> bool:
    query = fill(
        "SELECT bool_and(({c}) IS NOT FALSE) FROM (SELECT ({v})::{t} AS {a} FROM generate_series(1::bigint, {n}) k) t",
        c=raw(condition),
        v=make(raw("k"), width),
        t=raw(column.spelled),
        a=name(alias),
        n=literal(_TRIED),
    )
    try:
        with link.transaction():
            row = link.execute(query).fetchone()
    except psycopg.Error:
        return False
    return bool(row and row[0])


def _bounded(table: Table, column: Column, number: Composable) -> Composable | None:
    """A value in the bounds of the partition whose turn it is."""
    cases = []
    for at, leaf in enumerate(table.leaves):
        value = _within(leaf.bounds.get(column.name, ""), column, number, len(table.leaves))
        if value is None:
            return None
        cases.append(fill("WHEN {n} THEN ({v})::{t}", n=literal(at), v=value, t=raw(column.spelled)))
    return fill("CASE {i} % {n} {c} END", i=number, n=literal(len(table.leaves)), c=joined(" ", cases))


def _within(bound: str, column: Column, number: Composable, leaves: int) -> Composable | None:
    if listed := _LIST.match(bound):
        return fill("(ARRAY[{v}])[1]", v=raw(listed[1]))
    if not (ranged := _RANGE.match(bound)):
        return None
    low, high = ranged[1].split(",")[0].strip(), ranged[2].split(",")[0].strip()
    type_, inside = column.spelled, fill("{h} % 1000", h=_hash(number, leaves))
    if high == "MAXVALUE":
        return fill("{l}::{t}", l=raw(low), t=raw(type_)) if low != "MINVALUE" else None
    if low == "MINVALUE":
        return fill("({h}::{t} - {one})", h=raw(high), t=raw(type_), one=raw(_STEP.get(column.base, "1")))
    if column.base in ("timestamp", "timestamptz"):
        template = "({l}::{t} + ({h}::{t} - {l}::{t}) * (({i}) / 1000.0))"
    elif column.base == "date":
        template = "({l}::{t} + (({i}) % ({h}::{t} - {l}::{t}))::int)"
    elif column.base in ("int2", "int4", "int8", "numeric"):
        template = "({l}::{t} + ({n} / {p}) % ({h}::{t} - {l}::{t}))"
    else:
        return fill("{l}::{t}", l=raw(low), t=raw(type_))
    return fill(template, l=raw(low), h=raw(high), t=raw(type_), i=inside, n=number, p=literal(leaves))


def _digit(number: Composable, digit: _Digit) -> Composable:
    return fill("(1 + (({i} - 1) / {d}) % {m})", i=number, d=literal(digit.divisor), m=literal(digit.modulus))


def _hash(number: Composable, salt: int) -> Composable:
    return fill("(hashint8extended({i}, {s}) & {most})", i=number, s=literal(salt), most=literal(_MOST))


def _salt(*parts: object) -> int:
    """The same for the same names in every process."""
    return int.from_bytes(repr(parts).encode()[-7:], "big") ^ sum(map(ord, repr(parts))) << 8


def inserting(values: Values, table: Table, first: Composable, last: Composable) -> Composed:
    """The INSERT that makes the rows of some numbers."""
    row = values.row(table, raw("i"))
    return fill(
        "INSERT INTO {t} ({c}) OVERRIDING SYSTEM VALUE SELECT {v} FROM generate_series({a}::bigint, {b}::bigint) i",
        t=named(table.name),
        c=joined(", ", (name(column.name) for column, _ in row)),
        v=joined(", ", (value for _, value in row)),
        a=first,
        b=last,
    )


def named(place: TableName) -> Composable:
    """A table as SQL names it."""
    return fill("{s}.{n}", s=name(place.schema), n=name(place.name))


def missing(values: Values, table: Table) -> Iterable[str]:
    """Columns that need a value of a type for which none can be made."""
    for column in table.columns:
        needs = column.required and not column.generated and referring(table, column.name) is None
        if needs and (table.name, column.name) not in values.makes and not _in_bounds(table, column):
            yield f"{table.name}.{column.name} ({column.type})"
