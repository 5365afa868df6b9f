"""A generated column becomes an ordinary one.

Applications that run never write it, since they may not; from now on it is NULL in every new row, and what reads it reads that.

    ALTER TABLE orders ALTER COLUMN total DROP EXPRESSION;

Safe: let a trigger write the value first, deploy applications that write it, drop the trigger last.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import AlterTable
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: AlterTable, seen: Situation) -> Iterator[Remark]:
    if act.action == "drop expression":
        yield Remark(
            f"{act.table}.{act.name} is computed no more: in new rows it is NULL until every application writes it",
            "let a trigger write it, deploy applications that do, then drop the trigger",
        )


plugin = Rule(Tier.CRITICAL, _judge, (AlterTable,))
