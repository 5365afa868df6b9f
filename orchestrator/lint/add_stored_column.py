"""A stored generated column is added to a table that exists.

Its value is computed and written for every row under ACCESS EXCLUSIVE.

    ALTER TABLE orders ADD COLUMN total numeric GENERATED ALWAYS AS (price * quantity) STORED;

Safe: a virtual one from PostgreSQL 18 on, or an ordinary column that a trigger keeps and a backfill fills.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import AddColumn
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: AddColumn, seen: Situation) -> Iterator[Remark]:
    if act.column.generated == "stored":
        yield Remark(
            f"writes every row of {act.table} anew under ACCESS EXCLUSIVE to compute {act.column.name}",
            "VIRTUAL (PostgreSQL 18), or an ordinary column filled in batches",
        )


plugin = Rule(Tier.CRITICAL, _judge, (AddColumn,), sized=True)
