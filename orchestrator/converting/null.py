"""ALTER COLUMN … SET and DROP NOT NULL → ``set_not_null`` and ``drop_not_null``."""

from __future__ import annotations

from orchestrator.converting._model import Conversion, Converter, Request, Seen, at, quoted, relation, spelled
from orchestrator.dialects.postgres.script import acts


def _convert(act: acts.SetNotNull | acts.DropNotNull, seen: Seen) -> Conversion:
    verb = "set" if isinstance(act, acts.SetNotNull) else "drop"
    request = Request(
        f"{verb}_not_null", {"table": spelled(act.table), "column": act.column}, at(act.table, act.column)
    )
    text = f"ALTER TABLE {relation(act.table)} ALTER COLUMN {quoted(act.column)} {verb.upper()} NOT NULL"
    return Conversion((request,), text)


plugin = Converter((acts.SetNotNull, acts.DropNotNull), _convert)
