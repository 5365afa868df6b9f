"""ALTER TABLE … DROP COLUMN → ``drop_column``, with what old versions shall read in new rows if that was said."""

from __future__ import annotations

from orchestrator.converting._model import (
    Conversion,
    Converter,
    Request,
    Seen,
    Unclear,
    at,
    place,
    quoted,
    relation,
    said,
    spelled,
)
from orchestrator.dialects.postgres.script import acts


def _convert(act: acts.DropColumn, seen: Seen) -> Conversion:
    where = f"{place(act.table)}.{act.column}"
    if act.cascade:
        raise Unclear(f"CASCADE drops more than {where}: drop what depends on it first, by name")
    body = {"table": spelled(act.table), "column": act.column}
    down = seen.answers.get(where)
    known = seen.table(act.table)
    column = known.columns.get(act.column) if known else None
    if down is not None:
        body["down"] = down
    elif column is not None and column.not_null and not column.default:
        raise Unclear(
            f"{where} is NOT NULL without a default: say what old versions read in new rows, --down '{where}=EXPRESSION'"
        )
    notes = () if down or seen.known else (f"if {where} is NOT NULL without a default, it needs down:",)
    text = said(
        "ALTER TABLE", relation(act.table), "DROP COLUMN", "IF EXISTS" if act.if_exists else "", quoted(act.column)
    )
    column_place = at(act.table, act.column)
    return Conversion((Request("drop_column", body, column_place, takes=column_place, notes=notes),), text)


plugin = Converter((acts.DropColumn,), _convert)
