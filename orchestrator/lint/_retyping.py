"""Whether changing a column's type rewrites the table, for types whose old one is known.

Why it exists: PostgreSQL leaves the rows alone when the new type accepts every old value as it is stored, and a linter that
does not know this cries wolf on every longer varchar.
"""

from __future__ import annotations

import re

from orchestrator.dialects.postgres.script import acts
from orchestrator.dialects.postgres.script.parts import Type
from orchestrator.lint._facts import Facts

_NAMES = {
    "character varying": "varchar", "integer": "int4", "bigint": "int8", "smallint": "int2", "boolean": "bool",
    "timestamp without time zone": "timestamp", "timestamp with time zone": "timestamptz", "time without time zone": "time",
    "time with time zone": "timetz", "character": "bpchar", "bit varying": "varbit", "double precision": "float8",
    "real": "float4",
}  # fmt: skip
_WIDTH = frozenset({"varchar", "varbit"})
_PRECISION = frozenset({"time", "timetz", "timestamp", "timestamptz", "interval"})
_FORMATTED = re.compile(r"([a-z0-9_ \".]+?)(?:\(([\d,\s-]+)\))?( with(?:out)? time zone)?(\[\])?")


def known_type(formatted: str) -> Type:
    """``format_type``'s text as the grammar spells it."""
    match = _FORMATTED.fullmatch(formatted)
    if match is None:
        return Type(formatted)
    name, modifiers, zone, array = match.groups()
    word = name + (zone or "")
    inside = tuple(part.strip() for part in modifiers.split(",")) if modifiers else ()
    return Type(_NAMES.get(word, word), "", inside, bool(array))


def cost(act: acts.Retype, seen: Facts) -> tuple[bool, bool]:
    """Whether it rewrites, whether it scans for indexes or checks. An unknown old type is taken for the worst."""
    table = seen.table(act.table)
    column = table.columns.get(act.column) if table else None
    if column is None:
        return True, True
    old, new = _bare(known_type(column.type), seen), _bare(act.type, seen)
    rewrites = not _accepts(old, new, seen) or not _is_itself(act) or seen.constrained_domain(act.type)
    rebuilt = column.indexed and old.name != new.name and {old.name, new.name} != {"varchar", "text"}
    return rewrites, column.checked or rebuilt


def _bare(kind: Type, seen: Facts) -> Type:
    """The base type of a domain; other types as they are."""
    base = None if kind.array else seen.base(kind)
    return kind if base is None else known_type(base)


def _is_itself(act: acts.Retype) -> bool:
    return act.using is None or (act.using.columns == (act.column,) and not act.using.functions)


def _accepts(old: Type, new: Type, seen: Facts) -> bool:
    if old == new:
        return True
    if old.array or new.array:
        return old.array == new.array and old.name == new.name and not new.modifiers
    if (old.name, new.name) in {("varchar", "text"), ("text", "varchar"), ("cidr", "inet")}:
        return not new.modifiers or (old.name == "varchar" and _wider(old.modifiers, new.modifiers))
    if {old.name, new.name} == {"timestamp", "timestamptz"}:
        return seen.known is not None and seen.known.utc and not new.modifiers
    if old.name != new.name:
        return False
    if new.name == "numeric":
        return not new.modifiers or _numeric(old.modifiers, new.modifiers)
    return new.name in _WIDTH | _PRECISION and _wider(old.modifiers, new.modifiers)


def _wider(old: tuple[str, ...], new: tuple[str, ...]) -> bool:
    return not new or (bool(old) and int(new[0]) >= int(old[0]))


def _numeric(old: tuple[str, ...], new: tuple[str, ...]) -> bool:
    if not old:
        return False
    (old_precision, old_scale), (precision, scale) = ((*old, "0")[:2], (*new, "0")[:2])
    return int(precision) >= int(old_precision) and scale == old_scale
