"""Tables as their catalog has them, as far as valid rows can be made from it: columns, keys, references, partitions.

Why it exists: rows that break a constraint make a copy on which nothing can be learned, so every constraint is known before the
first row is made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import psycopg

from orchestrator.core.catalog import TableName

_TABLES = """
SELECT c.oid::bigint, n.nspname, c.relname, c.relkind = 'p',
       ARRAY[]::text[]
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = c.oid
 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'orch', 'orch_target')
 ORDER BY 2, 3
"""
_DESCRIBED = """
SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attgenerated <> '',
       a.attnotnull OR coalesce(t.typnotnull, false),
       b.typname, b.typtype::text, pg_catalog.format_type(b.oid, CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END),
       ARRAY(SELECT e.enumlabel FROM pg_catalog.pg_enum e WHERE e.enumtypid = b.oid ORDER BY e.enumsortorder)::text[],
       CASE WHEN b.typcategory = 'A' THEN pg_catalog.format_type(b.typelem, NULL) END,
       CASE WHEN t.typtype = 'd' THEN t.oid::bigint END
  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  JOIN LATERAL (WITH RECURSIVE d AS (SELECT t.oid, t.typtype, t.typbasetype
                  UNION ALL SELECT u.oid, u.typtype, u.typbasetype FROM d JOIN pg_catalog.pg_type u ON u.oid = d.typbasetype
                             WHERE d.typtype = 'd')
                SELECT u.* FROM d JOIN pg_catalog.pg_type u ON u.oid = d.oid WHERE d.typtype <> 'd') b ON true
"""
_COLUMNS = f"{_DESCRIBED} WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
_OF_TYPE = _DESCRIBED.replace(
    "FROM pg_catalog.pg_attribute a",
    "FROM (SELECT ''::name AS attname, %s::oid AS atttypid, -1 AS atttypmod, '' AS attgenerated, false AS attnotnull) a",
)
_NAMES = """ARRAY(SELECT a.attname FROM unnest({keys}) WITH ORDINALITY k(attnum, place)
              JOIN pg_catalog.pg_attribute a ON a.attrelid = {table} AND a.attnum = k.attnum ORDER BY place)::text[]"""
_USED = """ARRAY(SELECT DISTINCT a.attname FROM pg_catalog.pg_depend d
              JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = d.refobjsubid
             WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid AND d.refobjid = i.indrelid)::text[]"""
_KEYS = """
SELECT CASE WHEN i.indexprs IS NULL THEN {names} ELSE {used} END, i.indisprimary FROM pg_catalog.pg_index i
 WHERE i.indrelid = %s AND i.indisunique ORDER BY NOT i.indisprimary, i.indexrelid
""".format(names=_NAMES.format(keys="(i.indkey::int2[])[0:i.indnkeyatts - 1]", table="i.indrelid"), used=_USED)
_CONSTRAINTS = """
SELECT c.conname, c.contype::text, {names},
       f.nspname, r.relname, {referred}, pg_catalog.pg_get_constraintdef(c.oid),
       0 = ANY (c.conkey)
  FROM pg_catalog.pg_constraint c LEFT JOIN pg_catalog.pg_class r ON r.oid = c.confrelid
  LEFT JOIN pg_catalog.pg_namespace f ON f.oid = r.relnamespace
 WHERE c.conrelid = %s AND c.contype IN ('f', 'c', 'x') AND c.conparentid = 0 ORDER BY pg_catalog.cardinality(c.conkey) DESC, 1
""".format(
    names=_NAMES.format(keys="c.conkey", table="c.conrelid"),
    referred=_NAMES.format(keys="c.confkey", table="c.confrelid"),
)
_DOMAIN = """
WITH RECURSIVE d AS (SELECT t.oid, t.typbasetype FROM pg_catalog.pg_type t WHERE t.oid = %s
  UNION ALL SELECT u.oid, u.typbasetype FROM d JOIN pg_catalog.pg_type u ON u.oid = d.typbasetype AND u.typtype = 'd')
SELECT pg_catalog.pg_get_constraintdef(c.oid) FROM d JOIN pg_catalog.pg_constraint c ON c.contypid = d.oid AND c.contype = 'c'
"""
_LEAVES = """
SELECT p.relid::bigint, n.nspname, c.relname, pg_catalog.pg_get_expr(c.relpartbound, c.oid), p.parentrelid::bigint, p.isleaf,
       ARRAY(SELECT a.attname FROM unnest(h.partattrs) WITH ORDINALITY k(attnum, place)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = h.partrelid AND a.attnum = k.attnum ORDER BY place)::text[]
  FROM pg_catalog.pg_partition_tree(%s) p JOIN pg_catalog.pg_class c ON c.oid = p.relid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_partitioned_table h ON h.partrelid = p.parentrelid
 WHERE p.level > 0 ORDER BY p.level, 2, 3
"""
_CHECKED = re.compile(r"^CHECK \((.*)\)(?: NO INHERIT)?(?: NOT VALID)?(?: NOT ENFORCED)?$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Column:
    """A column. ``base`` is the name of the type under any domain, ``spelled`` that type as SQL writes it."""

    name: str
    type: str
    generated: bool
    required: bool
    base: str
    kind: str
    spelled: str
    labels: tuple[str, ...] = ()
    element: str | None = None
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: columns here, table and columns there."""

    name: str
    columns: tuple[str, ...]
    table: TableName
    there: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A CHECK: its columns and what must hold of them."""

    name: str
    columns: tuple[str, ...]
    condition: str


_Named = TypeVar("_Named", Reference, Rule)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A partition that holds rows, with the bound of each key column on the way to it."""

    table: TableName
    bounds: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """One table, partitioned or not. ``keys`` are sets of columns of which no two rows may have the same values.

    ``excluded`` are the columns of exclusion constraints, none where they are about expressions.
    """

    name: TableName
    columns: tuple[Column, ...]
    keys: tuple[tuple[str, ...], ...]
    primary: tuple[str, ...]
    references: tuple[Reference, ...]
    rules: tuple[Rule, ...]
    excluded: tuple[tuple[str, ...], ...]
    leaves: tuple[Leaf, ...]

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(each for each in self.columns if each.name == name)


def demanded(before: Mapping[TableName, Table], after: Mapping[TableName, Table]) -> dict[TableName, Table]:
    """Tables as they are, with what will be demanded of their rows later, as far as it speaks of columns that are there."""
    return {place: _demanded(each, after.get(place, each)) for place, each in before.items()}


def _demanded(before: Table, after: Table) -> Table:
    there = {column.name for column in before.columns}
    required = {column.name for column in after.columns if column.required}
    return replace(
        before,
        columns=tuple(replace(each, required=each.required or each.name in required) for each in before.columns),
        keys=tuple(dict.fromkeys((*before.keys, *(key for key in after.keys if there.issuperset(key))))),
        references=_joined(before.references, after.references, there),
        rules=_joined(before.rules, after.rules, there),
        excluded=tuple(dict.fromkeys((*before.excluded, *(key for key in after.excluded if there.issuperset(key))))),
    )


def _joined(before: tuple[_Named, ...], after: tuple[_Named, ...], there: set[str]) -> tuple[_Named, ...]:
    names = {each.name for each in before}
    return before + tuple(each for each in after if each.name not in names and there.issuperset(each.columns))


def tables(link: psycopg.Connection) -> dict[TableName, Table]:
    """Every table of a database that is not orch's or a partition."""
    found = {}
    for oid, schema, name, partitioned, _ in link.execute(_TABLES.encode()).fetchall():
        place = TableName(schema, name)
        found[place] = _table(link, oid, place, partitioned=partitioned)
    return found


def _table(link: psycopg.Connection, oid: int, place: TableName, *, partitioned: bool) -> Table:
    keys = link.execute(_KEYS.encode(), (oid,)).fetchall()
    constraints = link.execute(_CONSTRAINTS.encode(), (oid,)).fetchall()
    return Table(
        name=place,
        columns=tuple(_column(link, row) for row in link.execute(_COLUMNS.encode(), (oid,)).fetchall()),
        keys=tuple(dict.fromkeys(tuple(columns) for columns, _ in keys)),
        primary=next((tuple(columns) for columns, primary in keys if primary), ()),
        references=tuple(
            Reference(name, tuple(here), TableName(schema, table), tuple(there))
            for name, kind, here, schema, table, there, *_ in constraints
            if kind == "f"
        ),
        rules=tuple(
            Rule(name, tuple(here), _condition(text))
            for name, kind, here, _, _, _, text, _ in constraints
            if kind == "c"
        ),
        excluded=tuple(() if computed else tuple(here) for _, kind, here, *_, computed in constraints if kind == "x"),
        leaves=_leaves(link, oid) if partitioned else (),
    )


def _column(link: psycopg.Connection, row: tuple[object, ...]) -> Column:
    name, type_, generated, required, base, kind, spelled, labels, element, domain = row
    found = Column(
        str(name), str(type_), bool(generated), bool(required), str(base), str(kind), str(spelled),
        tuple(labels or ()), str(element) if element else None,  # type: ignore[arg-type]
    )  # fmt: skip
    if domain is None:
        return found
    return replace(found, checks=tuple(_condition(text) for (text,) in link.execute(_DOMAIN, (domain,)).fetchall()))


def column_of(link: psycopg.Connection, type_: int) -> Column:
    """A column as it would be of a type."""
    return _column(link, link.execute(_OF_TYPE.encode(), (type_,)).fetchall()[0])


def _condition(text: str) -> str:
    found = _CHECKED.match(text)
    return found[1] if found else text


def _leaves(link: psycopg.Connection, oid: int) -> tuple[Leaf, ...]:
    bounds: dict[int, dict[str, str]] = {oid: {}}
    found = []
    for relation, schema, name, bound, parent, is_leaf, keys in link.execute(_LEAVES, (oid,)).fetchall():
        own = {keys[0]: bound} if keys else {}
        bounds[relation] = {**bounds.get(parent, {}), **own}
        if is_leaf and bound != "DEFAULT":
            found.append(Leaf(TableName(schema, name), bounds[relation]))
    return tuple(found)
