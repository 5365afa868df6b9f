"""ALTER COLUMN … TYPE → ``change_type`` into a column of another name, and ``rename_column`` back in a change after it.

What USING does to a value is undone by nobody's guess: but for a plain cast the way back must be said.
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
    shortened,
    spelled,
)
from orchestrator.dialects.postgres.script import acts
from orchestrator.dialects.postgres.script.saying import same


def _convert(act: acts.Retype, seen: Seen) -> Conversion:
    where, new = f"{place(act.table)}.{act.column}", shortened(act.column, "_new")
    body: dict[str, Any] = {"table": spelled(act.table), "column": act.column, "to": new, "type": act.type.said()}
    using = act.using
    if using is not None and not _plain(using.said(), act):
        body["up"] = using.said()
    if seen.cannot_be_copied(act.table, act.column):
        raise Unclear(
            f"{where} is unique, an identity, referred to or shown by a view; change_primary_key_type is for keys"
        )
    known = seen.table(act.table)
    column = known.columns.get(act.column) if known else None
    down = seen.answers.get(where)
    if down is None and column is not None and "up" in body and _by_text(body["up"], act):
        down = f"{quoted(new)}::text::{column.type}"
    if down is not None:
        body["down"] = down
    elif "up" in body:
        raise Unclear(
            f"what leads back from {body['up']}? Say it over the new column {new}, --down '{where}=EXPRESSION', or none"
        )
    if column is not None and column.default:
        body["default"] = column.default
    there = at(act.table, act.column, new)
    notes = [f"{where} is {new} from the first of two changes on, and {act.column} again after the second"]
    if known is None:
        notes.append(f"if {where} has a default, change_type needs default:")
    change = Request("change_type", body, there, takes=at(act.table, act.column), notes=tuple(notes))
    back = {"table": body["table"], "column": new, "to": act.column}
    rename = Request("rename_column", back, there, takes=at(act.table, new))
    return Conversion(
        (change, rename),
        said(
            f"ALTER TABLE {relation(act.table)} ALTER COLUMN {quoted(act.column)} TYPE {body['type']}",
            f"USING {body.get('up', using.said())}" if using is not None else "",
        ),
    )


def _by_text(using: str, act: acts.Retype) -> bool:
    """Whether USING casts the column by way of its text, which leads back the same way."""
    return same(f"SELECT {using}", f"SELECT {quoted(act.column)}::text::{act.type.said()}")


def _plain(using: str, act: acts.Retype) -> bool:
    """Whether USING only casts the column to the type, as it would be without USING."""
    column = quoted(act.column)
    casts = (column, f"{column}::{act.type.said()}", f"{relation(act.table)}.{column}::{act.type.said()}")
    return any(same(f"SELECT {using}", f"SELECT {each}") for each in casts)


plugin = Converter((acts.Retype,), _convert)
