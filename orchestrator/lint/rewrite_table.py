"""SET LOGGED, UNLOGGED, TABLESPACE, ACCESS METHOD or EXPRESSION.

Each copies the whole table under ACCESS EXCLUSIVE.

    ALTER TABLE orders SET TABLESPACE fast;
    ALTER TABLE orders SET UNLOGGED;

Safe: a new table with the wanted property, filled and swapped; pg_repack for another tablespace.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import AlterTable
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: AlterTable, seen: Situation) -> Iterator[Remark]:
    if seen.effect(act).rewrites:
        yield Remark(
            f"{act.action.upper()} writes {act.table} anew under ACCESS EXCLUSIVE",
            "a new table with that property, filled in batches and swapped; pg_repack for a tablespace",
        )


plugin = Rule(Tier.CRITICAL, _judge, (AlterTable,), sized=True)
