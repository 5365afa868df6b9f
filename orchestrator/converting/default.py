"""ALTER COLUMN … SET and DROP DEFAULT → ``set_default`` and ``drop_default``."""

from __future__ import annotations

from orchestrator.converting._model import Conversion, Converter, Request, Seen, at, quoted, relation, spelled
from orchestrator.dialects.postgres.script import acts


def _convert(act: acts.SetDefault | acts.DropDefault, seen: Seen) -> Conversion:
    body = {"table": spelled(act.table), "column": act.column}
    there = at(act.table, act.column)
    alter = f"ALTER TABLE {relation(act.table)} ALTER COLUMN {quoted(act.column)}"
    if isinstance(act, acts.DropDefault):
        return Conversion((Request("drop_default", body, there),), f"{alter} DROP DEFAULT")
    body["default"] = act.default.said()
    return Conversion((Request("set_default", body, there),), f"{alter} SET DEFAULT {body['default']}")


plugin = Converter((acts.SetDefault, acts.DropDefault), _convert)
