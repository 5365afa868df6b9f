"""What converting speaks in: a Part of a script, the Requests that stand for it, and why a Part is not understood.

Why it exists: what is converted must be converted whole. A Conversion says in SQL what its Requests ask for, and it counts only
if the grammar reads in that text what it reads in the Part; so nothing of a statement is lost because nobody thought of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from psycopg import sql

from orchestrator.core.known import Known, KnownTable
from orchestrator.dialects.postgres.script.acts import Act, Rename
from orchestrator.dialects.postgres.script.parts import Constraint, Key, Name

Place = tuple[str, str]
"""A table and what of it: a column, ``index NAME``, ``constraint NAME``, ``key``; ``*`` is the table, ``?`` columns unknown."""
NAME_BYTES = 63


class Unclear(Exception):
    """A Part cannot be converted; ``str()`` says why, and what a person may do."""


@dataclass(frozen=True, slots=True)
class Part:
    """One effect of a script, as a statement of its own; ``line`` counts from one."""

    sql: str
    line: int
    act: Act | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One operation of a change file. ``lacks`` says what it must still be given before it is one.

    ``takes`` are the columns whose name is gone in the end. ``by_views``: reads are switched by views, for which it has a
    change with others of that kind.
    """

    word: str
    body: Mapping[str, Any]
    touches: frozenset[Place]
    reads: frozenset[Place] = frozenset()
    takes: frozenset[Place] = frozenset()
    notes: tuple[str, ...] = ()
    lacks: str = ""
    parts: tuple[int, ...] = ()
    by_views: bool = False

    def given(self, **more: Any) -> Request:
        """The same with more in its body."""
        return replace(self, body={**self.body, **more})


@dataclass(frozen=True, slots=True)
class Conversion:
    """What stands for one Part: Requests, and what they ask for, said as SQL."""

    requests: tuple[Request, ...]
    said: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What may be looked at besides the Part. ``answers``: ``table.column`` → the expression that leads back;
    ``validated`` are the constraints that the script itself validates."""

    known: Known | None = None
    answers: Mapping[str, str] = field(default_factory=dict)
    validated: frozenset[Place] = frozenset()

    def cannot_be_copied(self, table: Name, column: str) -> bool:
        """Whether the database says of a column that it can have no twin: unique, an identity, referred to, shown by a view."""
        known = self.table(table)
        found = known.columns.get(column) if known else None
        if known is None or found is None:
            return False
        unique = any(index.unique and column in index.columns for index in known.indexes.values())
        return unique or found.tied or bool(found.views)

    def renamed(self, act: Rename) -> Seen:
        """The same, once a column or table has its new name."""
        known = self.table(act.table) if act.table is not None else None
        if self.known is None or known is None or act.kind not in ("column", "table"):
            return self
        if act.kind == "table":
            name = f"{known.name.rpartition('.')[0]}.{act.new}"
            tables = {**self.known.tables, name: replace(known, name=name)}
            return replace(self, known=replace(self.known, tables=tables))
        now = {act.old: act.new}
        made = replace(
            known,
            columns={now.get(name, name): column for name, column in known.columns.items()},
            indexes={
                name: replace(index, columns=tuple(now.get(each, each) for each in index.columns))
                for name, index in known.indexes.items()
            },
        )
        return replace(self, known=replace(self.known, tables={**self.known.tables, known.name: made}))

    def validates(self, table: Name, constraint: str) -> bool:
        """Whether a later statement of the script validates a constraint."""
        return (place(table), constraint) in self.validated

    def table(self, name: Name) -> KnownTable | None:
        """What the database knows of a table, if one was asked."""
        return None if self.known is None else self.known.table(name.schema, name.name)


@dataclass(frozen=True, slots=True)
class Converter:
    """A plug-in of this room: the kinds of Act it converts, and how. ``convert`` raises Unclear."""

    kinds: tuple[type[Act], ...]
    convert: Callable[[Any, Seen], Conversion]


def spelled(name: Name) -> str:
    """A table as a change file spells it: quoted only where a dot or a quote would be misread."""
    parts = [part for part in (name.schema, name.name) if part]
    if any(letter in part for part in parts for letter in '."'):
        return ".".join('"' + part.replace('"', '""') + '"' for part in parts)
    return ".".join(parts)


def place(name: Name) -> str:
    """A table in a Place; what has no schema counts as lying in public."""
    return name.name if name.schema in ("", "public") else f"{name.schema}.{name.name}"


def at(name: Name, *things: str) -> frozenset[Place]:
    """Places of a table."""
    return frozenset((place(name), thing) for thing in things)


def quoted(*names: str) -> str:
    """A column or constraint, or several of them in a list."""
    return ", ".join(sql.Identifier(name).as_string(None) for name in names)


def relation(name: Name) -> str:
    """A table in SQL."""
    return sql.Identifier(*([name.schema] if name.schema else []), name.name).as_string(None)


def said(*words: str) -> str:
    """Words of SQL, the empty ones left out."""
    return " ".join(word for word in words if word)


def shortened(name: str, suffix: str) -> str:
    """``name`` with ``suffix``, no longer than PostgreSQL's names are."""
    return name.encode()[: NAME_BYTES - len(suffix.encode())].decode(errors="ignore") + suffix


def key_body(key: Key) -> dict[str, Any]:
    """A key of an index as a change file says it."""
    found: dict[str, Any] = {"column": key.column} if key.expression is None else {"expression": key.expression.said()}
    given = {word: getattr(key, word) for word in ("collation", "opclass", "order", "nulls", "operator")}
    return found | {word: value for word, value in given.items() if value}


def key_said(key: Mapping[str, Any]) -> str:
    """A key of an index as SQL."""
    return said(
        quoted(key["column"]) if "column" in key else f"({key['expression']})",
        f"COLLATE {quoted(key['collation'])}" if "collation" in key else "",
        key.get("opclass", ""),
        key.get("order", "").upper(),
        f"NULLS {key['nulls'].upper()}" if "nulls" in key else "",
        f"WITH {key['operator']}" if "operator" in key else "",
    )


def reference_said(constraint: Constraint) -> str:
    """What a foreign key refers to, and what follows, as SQL."""
    assert constraint.refers is not None  # noqa: S101 - a foreign key refers to something
    return said(
        f"REFERENCES {relation(constraint.refers)}",
        f"({quoted(*constraint.to)})" if constraint.to else "",
        f"ON DELETE {constraint.on_delete.upper()}",
        f"ON UPDATE {constraint.on_update.upper()}",
    )
