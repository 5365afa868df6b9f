"""A schema, type, enum value, function, sequence or constraint is renamed.

No table lock is the problem, but names in running code: queries that are qualified with the schema, values compared with the
enum's old word, functions called by the old name, ON CONFLICT ON CONSTRAINT.

    ALTER SCHEMA shop RENAME TO store;
    ALTER TYPE status RENAME VALUE 'open' TO 'new';

Safe: add the new name beside the old one, let versions go over, remove the old one later (`replace_enum` for values of an enum).
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import Rename, SetSchema
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: Rename | SetSchema, seen: Situation) -> Iterator[Remark]:
    if act.kind in (
        "column",
        "table",
        "view",
        "materialized view",
        "foreign table",
        "index",
        "trigger",
        "policy",
        "rule",
    ):
        return
    mild = act.kind in ("constraint", "role", "statistic ext", "domain constraint", "tablespace")
    name = act.old if isinstance(act, Rename) else str(act.name)
    there = act.new if isinstance(act, Rename) else f"schema {act.schema}"
    yield Remark(
        f"renames the {act.kind} {name} to {there}: code that uses the old name fails",
        "add the new one beside it, and remove the old one when no version uses it",
        Tier.MINOR if mild else None,
    )


plugin = Rule(
    Tier.CRITICAL,
    _judge,
    (
        Rename,
        SetSchema,
    ),
)
