"""CREATE INDEX → ``add_index``."""

from __future__ import annotations

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
    relation,
    said,
    shortened,
    spelled,
)
from orchestrator.dialects.postgres.script import acts


def _convert(act: acts.CreateIndex, seen: Seen) -> Conversion:
    keys = [key_body(key) for key in act.keys]
    plain = [key["column"] if key.keys() == {"column"} else key for key in keys]
    body: dict[str, Any] = {"table": spelled(act.table), "columns": plain}
    if act.name or act.include or any(key.expression for key in act.keys):
        body["name"] = act.name or _chosen(act)
    if act.unique:
        body["unique"] = True
    if act.condition is not None:
        body["where"] = act.condition.said()
    if act.include:
        body["include"] = list(act.include)
    if act.method != "btree":
        body["method"] = act.method
    name = act.name or _chosen(act)
    touches = at(act.table, f"index {name}", *(["key"] if act.unique else []))
    text = said(
        "CREATE",
        "UNIQUE" if body.get("unique") else "",
        "INDEX",
        "CONCURRENTLY" if act.concurrently else "",
        "IF NOT EXISTS" if act.if_not_exists else "",
        quoted(body["name"]) if act.name else "",
        f"ON {relation(act.table)}",
        f"USING {quoted(body.get('method', 'btree'))}",
        f"({', '.join(map(key_said, keys))})",
        f"INCLUDE ({quoted(*body['include'])})" if act.include else "",
        f"WHERE {body['where']}" if "where" in body else "",
    )
    return Conversion((Request("add_index", body, touches, at(act.table, *_columns(act))),), text)


def _chosen(act: acts.CreateIndex) -> str:
    """The name that PostgreSQL would choose (ChooseIndexColumnNames). Raises Unclear."""
    called: list[str] = []
    for each in (*(key.called for key in act.keys), *act.include):
        if not each:
            raise Unclear("give the index a name: what PostgreSQL would call it is not known here")
        numbered = (f"{each}{number or ''}" for number in range(len(called) + 1))
        called.append(next(name for name in numbered if name not in called))
    return shortened("_".join((act.table.name, *called)), "_idx")


def _columns(act: acts.CreateIndex) -> tuple[str, ...]:
    expressions = [key.expression for key in act.keys] + [act.condition]
    inside = [column for each in expressions if each is not None for column in each.columns]
    return (*(key.column for key in act.keys if key.column), *act.include, *inside)


plugin = Converter((acts.CreateIndex,), _convert)
