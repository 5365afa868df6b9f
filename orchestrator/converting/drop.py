"""DROP TABLE and DROP INDEX → ``drop_table`` and ``drop_index``; whose index it is, only the database can tell."""

from __future__ import annotations

from orchestrator.converting._model import (
    Conversion,
    Converter,
    Request,
    Seen,
    Unclear,
    at,
    relation,
    said,
    spelled,
)
from orchestrator.dialects.postgres.script import acts
from orchestrator.dialects.postgres.script.parts import Name


def _convert(act: acts.Drop, seen: Seen) -> Conversion:
    if act.kind not in ("table", "index"):
        raise Unclear(f"orch drops columns, tables, indexes and constraints, not a {act.kind}")
    if act.cascade:
        raise Unclear(f"CASCADE drops more than {act.name}: drop what depends on it first, by name")
    text = said(
        "DROP",
        act.kind.upper(),
        "CONCURRENTLY" if act.concurrently else "",
        "IF EXISTS" if act.if_exists else "",
        relation(act.name),
    )
    if act.kind == "table":
        return Conversion((Request("drop_table", {"table": spelled(act.name)}, at(act.name, "*")),), text)
    table = _of(act.name, seen)
    body = {"table": spelled(table), "index": act.name.name}
    request = Request("drop_index", body, at(table, f"index {act.name.name}", "key"), at(table, "?"))
    return Conversion((request,), text)


def _of(index: Name, seen: Seen) -> Name:
    """The table of an index. Raises Unclear."""
    if seen.known is None:
        raise Unclear(f"of which table is the index {index}? A database can tell: --url URL")
    schemas = (index.schema,) if index.schema else seen.known.search_path
    for schema in schemas:
        for name, table in seen.known.tables.items():
            if index.name in table.indexes and name.partition(".")[0] == schema:
                return Name(schema if index.schema else "", name.partition(".")[2])
    raise Unclear(f"there is no index {index} in the database")


plugin = Converter((acts.Drop,), _convert)
