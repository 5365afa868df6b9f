"""CREATE TABLE → ``create_table``, and what the same file adds to the new table while it is empty → into it.

Constraints without a name get the one that PostgreSQL would give them, since a change file names them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestrator.converting._model import (
    Conversion,
    Converter,
    Place,
    Request,
    Seen,
    Unclear,
    at,
    relation,
    said,
    shortened,
    spelled,
)
from orchestrator.converting.add_column import column_said
from orchestrator.converting.constraint import constraint_said
from orchestrator.dialects.postgres.script import acts
from orchestrator.dialects.postgres.script.acts import Act
from orchestrator.dialects.postgres.script.parts import Column, Constraint, Key, Name

_SUFFIXES = {"unique": "key", "check": "check", "foreign key": "fkey"}
_GROUPS = {"unique": "unique", "check": "checks", "foreign key": "foreign_keys"}


def _convert(act: acts.CreateTable, seen: Seen) -> Conversion:
    if act.parent is not None or act.temporary or act.query or act.partitioned:
        raise Unclear("orch creates plain tables only")
    body: dict[str, Any] = {"table": spelled(act.table), "columns": [_column(each) for each in act.columns]}
    reads: set[Place] = set()
    for constraint in _constraints(act.columns, act.constraints):
        body = _with(body, act.table, constraint)
        if constraint.refers is not None and constraint.refers != act.table:
            reads |= at(constraint.refers, "key", *constraint.to)
    parts = [column_said(each) for each in act.columns] + [constraint_said(each) for each in act.constraints]
    words = said("CREATE TABLE", "IF NOT EXISTS" if act.if_not_exists else "", relation(act.table))
    request = Request("create_table", body, at(act.table, "*"), frozenset(reads))
    return Conversion((request,), f"{words} ({', '.join(parts)})")


def _constraints(columns: Iterable[Column], own: Iterable[Constraint]) -> list[Constraint]:
    return [*own, *(each for column in columns for each in column.constraints)]


def _column(column: Column) -> dict[str, Any]:
    if column.serial or column.identity == "always" or column.generated == "virtual":
        raise Unclear(
            f"{column.name}: create_table has identity columns by default, and generated ones that are stored"
        )
    found: dict[str, Any] = {"name": column.name, "type": column.type.said()}
    if column.not_null and not column.identity:
        found["not_null"] = True
    if column.default is not None:
        found["default"] = column.default.said()
    if column.identity:
        found["identity"] = True
    if column.computed is not None:
        found["generated"] = column.computed.said()
    return found


def _with(body: dict[str, Any], table: Name, constraint: Constraint) -> dict[str, Any]:
    """The body with one constraint more. Raises Unclear."""
    if constraint.index or constraint.include or constraint.kind not in ("primary key", *_GROUPS):
        raise Unclear(f"create_table knows no such {constraint.kind}")
    if constraint.kind == "primary key":
        if "primary_key" in body or constraint.name not in ("", shortened(table.name, "_pkey")):
            raise Unclear("create_table names the primary key as PostgreSQL does")
        return {**body, "primary_key": list(constraint.columns)}
    group = _GROUPS[constraint.kind]
    name = constraint.name or _free(body, table, constraint)
    return {**body, group: {**body.get(group, {}), name: _said(constraint)}}


def _said(constraint: Constraint) -> Any:
    if constraint.kind == "unique":
        return list(constraint.columns)
    if constraint.expression is not None:
        return constraint.expression.said()
    assert constraint.refers is not None  # noqa: S101 - a foreign key refers to something
    found: dict[str, Any] = {"columns": list(constraint.columns), "references": spelled(constraint.refers)}
    if constraint.to:
        found["to"] = list(constraint.to)
    given = {word: getattr(constraint, word) for word in ("on_delete", "on_update")}
    return found | {word: action for word, action in given.items() if action != "no action"}


def _free(body: dict[str, Any], table: Name, constraint: Constraint) -> str:
    """The name that PostgreSQL would choose (manual, CREATE TABLE; ChooseIndexName, ChooseConstraintName)."""
    columns = constraint.columns
    if constraint.kind == "check" and not columns and constraint.expression is not None:
        columns = constraint.expression.columns if len(constraint.expression.columns) == 1 else ()
    base = "_".join((table.name, *columns))
    taken = {name for group in _GROUPS.values() for name in body.get(group, {})}
    ends = (f"_{_SUFFIXES[constraint.kind]}{number or ''}" for number in range(1000))
    return next(name for end in ends if (name := shortened(base, end)) not in taken)


def folded(request: Request, act: Act) -> Request | None:
    """The Request for a new table with what an Act adds to it, or None where only an operation of its own can."""
    body = dict(request.body)
    if isinstance(act, acts.Comment):
        return request.given(**_commented(body, act))
    if isinstance(act, acts.CreateIndex) and _plain(act):
        return request.given(indexes={**body.get("indexes", {}), act.name: [key.column for key in act.keys]})
    if isinstance(act, acts.AddConstraint) and act.constraint.valid and act.constraint.refers in (None, act.table):
        try:
            return request.given(**_with(body, act.table, act.constraint))
        except Unclear:
            return None
    return None


def _commented(body: dict[str, Any], act: acts.Comment) -> dict[str, Any]:
    if not act.column:
        return {"comment": act.text}
    columns = [
        {**column, "comment": act.text} if column["name"] == act.column else column for column in body["columns"]
    ]
    return {"columns": columns}


def _plain(act: acts.CreateIndex) -> bool:
    """Whether ``indexes`` of create_table can say it: a name and columns."""
    bare = all(key == Key(key.column) and key.column for key in act.keys)
    return (
        bare and bool(act.name) and not (act.unique or act.include or act.partial or act.only) and act.method == "btree"
    )


plugin = Converter((acts.CreateTable,), _convert)
