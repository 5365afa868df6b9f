"""ALTER TABLE … ADD CONSTRAINT → ``add_check``, ``add_foreign_key``, ``add_unique``, ``add_primary_key``, ``add_exclusion``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator.converting._model import (
    Conversion,
    Converter,
    Request,
    Seen,
    Unclear,
    at,
    key_body,
    key_said,
    quoted,
    reference_said,
    relation,
    said,
    shortened,
    spelled,
)
from orchestrator.dialects.postgres.script import acts
from orchestrator.dialects.postgres.script.parts import Constraint, Name


def _convert(act: acts.AddConstraint, seen: Seen) -> Conversion:
    constraint = act.constraint
    if not constraint.valid and not seen.validates(act.table, constraint.name):
        raise Unclear("orch validates what it adds: leave NOT VALID out, or VALIDATE CONSTRAINT in the same file")
    return Conversion(
        (request_of(act.table, constraint),), f"ALTER TABLE {relation(act.table)} ADD {constraint_said(constraint)}"
    )


def request_of(table: Name, constraint: Constraint) -> Request:
    """The operation that adds a constraint to a table. Raises Unclear."""
    made = _MADE.get(constraint.kind)
    if made is None or constraint.index:
        what = "a constraint of an index that is there" if constraint.index else constraint.kind
        raise Unclear(f"orch has no operation for {what}: say the constraint by its columns")
    word, more, reads = made(table, constraint)
    name = {"name": constraint.name} if constraint.name else {}
    key = ["key"] if constraint.kind in ("unique", "primary key") else []
    columns = constraint.columns if constraint.kind == "primary key" else ()
    called = constraint.name or shortened("_".join((table.name, *_named(constraint))), _SUFFIXES[constraint.kind])
    touches = at(table, f"constraint {called}", f"index {called}", *key, *columns)
    return Request(word, {"table": spelled(table), **more, **name}, touches, reads)


_SUFFIXES = {"check": "_check", "foreign key": "_fkey", "unique": "_key", "primary key": "_pkey", "exclude": "_excl"}
"""How PostgreSQL ends the name of a constraint that was given none."""


def _named(constraint: Constraint) -> tuple[str, ...]:
    return () if constraint.kind in ("check", "primary key") else constraint.columns


_Made = tuple[str, dict[str, Any], frozenset[tuple[str, str]]]


def _check(table: Name, constraint: Constraint) -> _Made:
    assert constraint.expression is not None  # noqa: S101 - a check has a condition
    return "add_check", {"check": constraint.expression.said()}, at(table, *constraint.expression.columns)


def _foreign_key(table: Name, constraint: Constraint) -> _Made:
    assert constraint.refers is not None  # noqa: S101 - a foreign key refers to something
    body: dict[str, Any] = {"columns": list(constraint.columns), "references": spelled(constraint.refers)}
    if constraint.to:
        body["to"] = list(constraint.to)
    body |= {word: getattr(constraint, word) for word in ("on_delete", "on_update") if _acts(constraint, word)}
    return "add_foreign_key", body, at(table, *constraint.columns) | at(constraint.refers, "key", *constraint.to)


def _acts(constraint: Constraint, word: str) -> bool:
    return bool(getattr(constraint, word) != "no action")


def _unique(table: Name, constraint: Constraint) -> _Made:
    body = {"columns": list(constraint.columns)} | ({"include": list(constraint.include)} if constraint.include else {})
    return "add_unique", body, at(table, *constraint.columns, *constraint.include)


def _primary_key(table: Name, constraint: Constraint) -> _Made:
    return "add_primary_key", {"columns": list(constraint.columns)}, at(table, *constraint.columns)


def _exclude(table: Name, constraint: Constraint) -> _Made:
    body: dict[str, Any] = {"elements": [key_body(key) for key in constraint.keys]}
    expressions = [key.expression for key in constraint.keys] + [constraint.where]
    if constraint.where is not None:
        body["where"] = constraint.where.said()
    if constraint.method != "gist":
        body["method"] = constraint.method
    inside = [column for each in expressions if each is not None for column in each.columns]
    return "add_exclusion", body, at(table, *inside, *(key.column for key in constraint.keys if key.column))


_MADE: dict[str, Callable[[Name, Constraint], _Made]] = {
    "check": _check,
    "foreign key": _foreign_key,
    "unique": _unique,
    "primary key": _primary_key,
    "exclude": _exclude,
}


def constraint_said(constraint: Constraint, *, inline: bool = False) -> str:
    """A constraint as SQL, of a table or (``inline``) beside a column: all of it that an operation can say."""
    columns = "" if inline else f"({quoted(*constraint.columns)})"
    kind = constraint.kind
    return said(
        f"CONSTRAINT {quoted(constraint.name)}" if constraint.name else "",
        f"CHECK ({constraint.expression.said()})" if kind == "check" and constraint.expression else "",
        f"{kind.upper()} {columns}" if kind in ("unique", "primary key") else "",
        f"INCLUDE ({quoted(*constraint.include)})" if constraint.include and kind == "unique" else "",
        f"FOREIGN KEY {columns}" if kind == "foreign key" and not inline else "",
        reference_said(constraint) if kind == "foreign key" else "",
        _exclusion_said(constraint) if kind == "exclude" else "",
        "" if constraint.valid else "NOT VALID",
    )


def _exclusion_said(constraint: Constraint) -> str:
    keys = ", ".join(key_said(key_body(key)) for key in constraint.keys)
    where = f"WHERE ({constraint.where.said()})" if constraint.where is not None else ""
    return said(f"EXCLUDE USING {quoted(constraint.method)} ({keys})", where)


plugin = Converter((acts.AddConstraint,), _convert)
