"""A value of each type from a whole number: different numbers give different values, as far as the type has room.

Why it exists: when every value is a function of its row's number, a foreign key is right by construction and no table has to be
read to fill another.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from orchestrator.dialects.postgres.text import Composable, fill, joined, literal, raw
from orchestrator.rehearsal.structure import Column

Make = Callable[[Composable, int], Composable]
"""From a number (SQL of type bigint) and a width in bytes to a value."""

_NUMERIC = re.compile(r"numeric\((\d+),(-?\d+)\)")
_LENGTH = re.compile(r"\((\d+)\)")
_EPOCH = "2020-01-01"
_ROOM = {"int2": 32_767, "int4": 2_147_483_647, "bool": 2, "char": 90, "time": 86_400, "macaddr": 16_777_216}
_PLAIN = {
    "int2": "(({k} - 1) % 32767 + 1)",
    "int4": "(({k} - 1) % 2147483647 + 1)",
    "int8": "{k}",
    "oid": "{k}",
    "money": "({k} % 1000000)",
    "float4": "{k}",
    "float8": "{k}",
    "bool": "({k} % 2 = 0)",
    "char": "chr((32 + {k} % 90)::int)",
    "uuid": "md5(({k})::text)",
    "date": "(date '2020-01-01' + (({k}) % 1000000)::int)",
    "timestamp": "(timestamp '2020-01-01' + ({k}) * interval '1 second')",
    "timestamptz": "(timestamptz '2020-01-01 00:00+00' + ({k}) * interval '1 second')",
    "time": "(time '00:00' + (({k}) % 86400) * interval '1 second')",
    "timetz": "((time '00:00' + (({k}) % 86400) * interval '1 second')::text || '+00')",
    "interval": "(({k}) * interval '1 second')",
    "inet": "(inet '10.0.0.0' + ({k}) % 16777216)",
    "cidr": "(set_masklen(inet '10.0.0.0' + ({k}) % 16777216, 32))",
    "macaddr": "lpad(to_hex(({k}) % 16777216), 12, '0')",
    "point": "point(({k})::float8, ({k})::float8)",
    "tsvector": "to_tsvector('simple', ({k})::text)",
    "xml": "('<k>' || ({k})::text || '</k>')",
    "int4range": "int4range((({k}) * 2 % 2000000000)::int, (({k}) * 2 % 2000000000 + 1)::int)",
    "int8range": "int8range(({k}) * 2, ({k}) * 2 + 1)",
    "numrange": "numrange(({k}) * 2, ({k}) * 2 + 1)",
    "daterange": "daterange(date '2020-01-01' + (({k}) * 2 % 2000000)::int, date '2020-01-01' + (({k}) * 2 % 2000000 + 1)::int)",
    "tsrange": "tsrange(timestamp '2020-01-01' + ({k}) * interval '1 min',"
    " timestamp '2020-01-01' + ({k} + 1) * interval '1 min')",
    "tstzrange": "tstzrange(timestamptz '2020-01-01 00:00+00' + ({k}) * interval '1 min',"
    " timestamptz '2020-01-01 00:00+00' + ({k} + 1) * interval '1 min')",
}
_TEXTS = frozenset({"text", "varchar", "bpchar", "citext", "name"})
_UNIQUE = (*_TEXTS, "int8", "uuid", "timestamptz", "timestamp", "int4", "numeric", "date", "bytea", "inet", "int2")
_RANGES = frozenset({"int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange"})


def room(column: Column) -> int:
    """How many different values there are at least; a large number where that does not matter."""
    if column.labels:
        return len(column.labels)
    if column.base == "numeric" and (found := _NUMERIC.fullmatch(column.spelled)):
        return int(10 ** max(int(found[1]) - int(found[2]), 0)) - 1
    if column.base in _TEXTS and (found := _LENGTH.search(column.spelled)):
        return int(10 ** min(int(found[1]), 18)) - 1
    return _ROOM.get(column.base, 10**15)


def can_differ(column: Column) -> bool:
    """Whether values of this type can be told apart by their number."""
    return column.base in _UNIQUE or column.base in _RANGES


def is_range(column: Column) -> bool:
    """Whether it is a range: then different numbers give ranges that do not overlap."""
    return column.base in _RANGES


def maker(column: Column) -> Make | None:
    """How a value of the column's type is made; None where that is not known."""
    if column.labels:
        return _labelled(column)
    if column.base in _TEXTS:
        return _text(column)
    if column.base in ("json", "jsonb"):
        return lambda k, width: fill(
            "json_build_object('k', {k}, 'pad', repeat('x', {n}))", k=k, n=literal(max(width - 20, 0))
        )
    if column.base == "bytea":
        return lambda k, width: fill(
            "(int8send({k}) || decode(repeat('00', {n}), 'hex'))", k=k, n=literal(min(max(width - 9, 0), 8000))
        )
    if column.base == "numeric":
        return lambda k, _: fill("(({k} - 1) % {room} + 1)", k=k, room=literal(min(room(column), 10**15)))
    if column.base in ("bit", "varbit"):
        return lambda k, _: fill("({k})::bit({n})", k=k, n=raw(_LENGTH.search(column.spelled)[1]))  # type: ignore[index]
    if column.element is not None:
        return _array(column)
    template = _PLAIN.get(column.base)
    return (lambda k, _: fill(template, k=k)) if template else None


def _labelled(column: Column) -> Make:
    labels = joined(", ", map(literal, column.labels))
    return lambda k, _: fill(
        "(ARRAY[{labels}])[1 + ({k} % {n})::int]", labels=labels, k=k, n=literal(len(column.labels))
    )


def _text(column: Column) -> Make:
    """The number, then enough to be as wide as production's values."""
    found = _LENGTH.search(column.spelled)
    most = int(found[1]) if found else 63 if column.base == "name" else 1_000_000

    def made(k: Composable, width: int) -> Composable:
        wide = min(max(width - 1, 1), most, 8000)
        return fill(
            "left(rpad(({k})::text || '-', greatest({w}, length(({k})::text)), md5(({k})::text)), {most})",
            k=k,
            w=literal(wide),
            most=literal(most),
        )

    return made


def _array(column: Column) -> Make | None:
    inner = _BASES.get(column.element or "")
    if inner is None:
        return None
    element = Column("", column.element or "", False, False, inner, "b", column.element or "")
    of = maker(element)
    if of is None:
        return None
    return lambda k, width: fill(
        "ARRAY[({value})::{type}]", value=of(k, max(width - 24, 4)), type=raw(column.element or "")
    )


_BASES = {
    "text": "text", "character varying": "varchar", "integer": "int4", "bigint": "int8", "smallint": "int2",
    "uuid": "uuid", "numeric": "numeric", "boolean": "bool", "date": "date", "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp", "double precision": "float8", "jsonb": "jsonb", "inet": "inet",
}  # fmt: skip

_ALTERNATIVES = {
    "number": (
        "({k} % 100 + 1)",
        "({k} % 10 + 1)",
        "({k} % 5 + 1)",
        "(({k} % 1000) / 1000.0)",
        "({k} % 2)",
        "0",
        "-({k})",
    ),
    "text": (
        "('u' || {k} || '@example.org')",
        "('slug-' || {k})",
        "('https://example.org/' || {k})",
        "('+1' || lpad(({k} % 10000000000)::text, 10, '0'))",
        "lpad(({k} % 1000000000000)::text, 12, '0')",
        "lpad(({k} % 100000)::text, 5, '0')",
        "translate(lpad(({k} % 1000)::text, 3, '0'), '0123456789', 'ABCDEFGHIJ')",
        "translate(lpad(({k} % 100)::text, 2, '0'), '0123456789', 'ABCDEFGHIJ')",
        "translate(lpad(({k} % 1000)::text, 3, '0'), '0123456789', 'abcdefghij')",
        "('#' || lpad(to_hex({k} % 16777216), 6, '0'))",
        "md5(({k})::text)",
        "('10.0.0.' || {k} % 256)",
    ),
}
_NUMBERS = frozenset({"int2", "int4", "int8", "numeric", "float4", "float8", "money"})
_CONSTANT = re.compile(r"'((?:[^']|'')*)'|(?<![\w.])(-?\d+(?:\.\d+)?)(?![\w.])")


def alternatives(column: Column, condition: str) -> list[Make]:
    """Other values to try where a CHECK refuses the ordinary ones: constants that it names itself, then common forms."""
    kind = "number" if column.base in _NUMBERS else "text"
    quoted = [text.replace("''", "'") for text, number in _CONSTANT.findall(condition) if not number]
    numbers = [number for text, number in _CONSTANT.findall(condition) if number]
    named = numbers if kind == "number" and numbers else quoted
    makes: list[Make] = []
    if named:
        makes.append(_one_of(named, column))
        makes += [_one_of([each], column) for each in named]
    if kind == "number" and numbers:
        makes += [_from(f"{number} + 1 + {{k}} % 1000") for number in numbers]
        makes += [_from(f"{number} - 1 - {{k}} % 1000") for number in numbers]
    return [*makes, *map(_from, _ALTERNATIVES[kind])]


def _one_of(constants: list[str], column: Column) -> Make:
    values = joined(", ", map(literal, constants))
    return lambda k, _: fill(
        "((ARRAY[{v}])[1 + ({k} % {n})::int])::{type}",
        v=values,
        k=k,
        n=literal(len(constants)),
        type=raw(column.spelled),
    )


def _from(template: str) -> Make:
    return lambda k, _: fill(template, k=k)
