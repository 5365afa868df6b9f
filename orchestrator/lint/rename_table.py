"""A table or view is renamed, or moved to another schema, in one step.

Between the rename and the end of the last old process one of the two versions names a table that does not exist.

    ALTER TABLE orders RENAME TO purchases;
    ALTER TABLE orders SET SCHEMA sales;

Safe: show the table under its new name by an updatable view until no version uses the old one. The operation `rename_table` does
so.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import Rename, SetSchema
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: Rename | SetSchema, seen: Situation) -> Iterator[Remark]:
    if act.kind not in ("table", "view", "materialized view", "foreign table"):
        return
    if isinstance(act, Rename):
        name, there = str(act.table), act.new
    else:
        name, there = str(act.name), f"{act.schema}.{act.name.name}"
    yield Remark(
        f"renames {name} to {there}: either the old or the new version of the application fails",
        "a change with rename_table: the new name is a view until the old version is gone",
    )


plugin = Rule(
    Tier.CRITICAL,
    _judge,
    (
        Rename,
        SetSchema,
    ),
)
