"""ALTER TABLE … DROP CONSTRAINT → ``drop_constraint``."""

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


def _convert(act: acts.DropConstraint, seen: Seen) -> Conversion:
    if act.cascade:
        raise Unclear(f"CASCADE drops more than {act.name}: drop what depends on it first, by name")
    body = {"table": spelled(act.table), "constraint": act.name}
    touches = at(act.table, f"constraint {act.name}", f"index {act.name}", "key")
    text = said(
        f"ALTER TABLE {relation(act.table)} DROP CONSTRAINT",
        "IF EXISTS" if act.if_exists else "",
        quoted(body["constraint"]),
    )
    return Conversion((Request("drop_constraint", body, touches, at(act.table, "?")),), text)


plugin = Converter((acts.DropConstraint,), _convert)
