"""A table is emptied by TRUNCATE.

It takes ACCESS EXCLUSIVE, on every table that CASCADE reaches, too, and the rows are gone. Snapshots older than it see an empty
table.

    TRUNCATE sessions;

Safe: delete in batches by key, each in its own transaction.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import Truncate
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: Truncate, seen: Situation) -> Iterator[Remark]:
    cascade = ", and every table that refers to it" if act.cascade else ""
    yield Remark(
        f"empties {act.table}{cascade} under ACCESS EXCLUSIVE; the rows are gone",
        "delete in batches by key, each in its own transaction",
    )


plugin = Rule(Tier.CRITICAL, _judge, (Truncate,))
