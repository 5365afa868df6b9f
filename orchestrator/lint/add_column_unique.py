"""A column is added UNIQUE or as PRIMARY KEY.

The index is built while the table is locked against everybody.

    ALTER TABLE orders ADD COLUMN code text UNIQUE;

Safe: the column alone, the index CONCURRENTLY, then the constraint USING INDEX (`add_unique`, `add_primary_key`).
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import AddColumn
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: AddColumn, seen: Situation) -> Iterator[Remark]:
    for each in act.column.constraints:
        if each.kind in ("unique", "primary key"):
            yield Remark(
                f"builds an index on {act.table} under ACCESS EXCLUSIVE",
                "add the column alone, CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT … USING INDEX",
                at=each.at,
            )


plugin = Rule(Tier.CRITICAL, _judge, (AddColumn,), sized=True)
