"""ALTER TYPE … ADD VALUE → ``add_enum_value``."""

from __future__ import annotations

from psycopg import sql

from orchestrator.converting._model import Conversion, Converter, Request, Seen, relation, said, spelled
from orchestrator.dialects.postgres.script import acts


def _convert(act: acts.AddEnumValue, seen: Seen) -> Conversion:
    body = {"type": relation(act.type) if act.type.schema else spelled(act.type), "value": act.value}
    body |= {word: value for word, value in (("before", act.before), ("after", act.after)) if value}
    kind = f"type {spelled(act.type)}"
    neighbours = frozenset((kind, value) for value in (act.before, act.after) if value)
    request = Request("add_enum_value", body, frozenset({(kind, act.value)}), neighbours)
    text = said(
        "ALTER TYPE",
        relation(act.type),
        "ADD VALUE",
        "IF NOT EXISTS" if act.if_not_exists else "",
        _literal(body["value"]),
        *(f"{word.upper()} {_literal(body[word])}" for word in ("before", "after") if word in body),
    )
    return Conversion((request,), text)


def _literal(text: str) -> str:
    return sql.Literal(text).as_string(None)


plugin = Converter((acts.AddEnumValue,), _convert)
