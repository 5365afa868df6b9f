"""ALTER TABLE … ADD COLUMN → ``add_column``; the constraints beside it become operations of changes that follow.

Why it exists: a column that is NOT NULL and has no default is one only once an UPDATE of the same file fills it, so what it
lacks is written down here and given by that UPDATE.
"""

from __future__ import annotations

from typing import Any

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
from orchestrator.converting.constraint import constraint_said, request_of
from orchestrator.dialects.postgres.script import acts
from orchestrator.dialects.postgres.script.parts import Column


def _convert(act: acts.AddColumn, seen: Seen) -> Conversion:
    column = act.column
    if column.serial:
        raise Unclear(f"{column.name} is serial: an identity does the same and can be numbered beside writes")
    body: dict[str, Any] = {"table": spelled(act.table), "column": column.name, "type": column.type.said()}
    reads: tuple[str, ...] = ()
    if column.default is not None and not column.default.null:
        body["default"] = column.default.said()
    if column.not_null and not column.identity:
        body["not_null"] = True
    if column.identity:
        body["identity"] = column.identity
    if column.computed is not None:
        body["generated"] = column.computed.said()
        reads = column.computed.columns
    if column.generated == "virtual":
        body["virtual"] = True
    where = f"{place(act.table)}.{column.name}"
    bare = column.not_null and not body.keys() & {"default", "identity", "generated"}
    lacks = f"{where} is NOT NULL without a default: say one, or fill it by an UPDATE in the same file" if bare else ""
    request = Request("add_column", body, at(act.table, column.name), at(act.table, *reads), lacks=lacks)
    more = tuple(request_of(act.table, each) for each in column.constraints)
    text = said(
        f"ALTER TABLE {relation(act.table)} ADD COLUMN",
        "IF NOT EXISTS" if act.if_not_exists else "",
        column_said(column),
    )
    return Conversion((request, *more), text)


def column_said(column: Column) -> str:
    """A column being made as SQL: all of it that an operation can say."""
    return said(
        quoted(column.name),
        column.type.said(),
        f"DEFAULT ({column.default.said()})" if column.default is not None else "",
        f"GENERATED {column.identity.upper()} AS IDENTITY" if column.identity else "",
        f"GENERATED ALWAYS AS ({column.computed.said()}) {column.generated.upper()}" if column.computed else "",
        "NOT NULL" if column.not_null else "",
        *(constraint_said(each, inline=True) for each in column.constraints),
    )


plugin = Converter((acts.AddColumn,), _convert)
