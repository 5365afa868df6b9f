"""COMMENT ON a table or column → ``set_comment``."""

from __future__ import annotations

from psycopg import sql

from orchestrator.converting._model import Conversion, Converter, Request, Seen, at, quoted, relation, said, spelled
from orchestrator.dialects.postgres.script import acts


def _convert(act: acts.Comment, seen: Seen) -> Conversion:
    body = {"table": spelled(act.table), "comment": act.text}
    reads = at(act.table, act.column) if act.column else at(act.table, "")
    if act.column:
        body["column"] = act.column
    request = Request("set_comment", body, at(act.table, f"comment on {act.column or 'the table'}"), reads)
    what = ("COLUMN", f"{relation(act.table)}.{quoted(act.column)}") if act.column else ("TABLE", relation(act.table))
    text = sql.Literal(body["comment"]).as_string(None).lstrip() if act.text else "NULL"
    return Conversion((request,), said("COMMENT ON", *what, "IS", text))


plugin = Converter((acts.Comment,), _convert)
