"""ALTER TABLE … RENAME, of a column or of the table → ``rename_column`` and ``rename_table``."""

from __future__ import annotations

from orchestrator.converting._model import (
    Conversion,
    Converter,
    Request,
    Seen,
    Unclear,
    at,
    quoted,
    relation,
    said,
    spelled,
)
from orchestrator.dialects.postgres.script import acts
from orchestrator.dialects.postgres.script.parts import Name


def _convert(act: acts.Rename, seen: Seen) -> Conversion:
    if act.table is None or act.kind not in ("column", "table"):
        raise Unclear(f"orch renames columns and tables, not a {act.kind}: old versions may know it by its name")
    body = {"table": spelled(act.table), "to": act.new}
    if act.kind == "column":
        views = seen.cannot_be_copied(act.table, act.old)
        note = f"new versions find {act.new} by the views of a schema of their own, since {act.old} can have no copy"
        request = Request(
            "rename_column",
            {"table": body["table"], "column": act.old, "to": act.new},
            at(act.table, "*") if views else at(act.table, act.old, act.new),
            takes=at(act.table, act.old),
            notes=(note,) if views else (),
            by_views=views,
        )
        return Conversion(
            (request,),
            said("ALTER TABLE", relation(act.table), "RENAME COLUMN", quoted(act.old), "TO", quoted(act.new)),
        )
    new = Name(act.table.schema, act.new)
    both = at(act.table, "*") | at(new, "*")
    return Conversion(
        (Request("rename_table", body, both),), said("ALTER TABLE", relation(act.table), "RENAME TO", quoted(act.new))
    )


plugin = Converter((acts.Rename,), _convert)
