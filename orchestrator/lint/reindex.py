"""REINDEX without CONCURRENTLY.

The table is locked against writes, and its indexes against everything, until they are built again.

    REINDEX TABLE orders;

Safe: REINDEX … CONCURRENTLY, outside a transaction. The operation `replace_index` does it for one index.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import Reindex
from orchestrator.lint._effects import S
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: Reindex, seen: Situation) -> Iterator[Remark]:
    if not act.concurrently:
        yield Remark(
            f"locks writes to the {act.kind}'s tables, and reads by its indexes, until they are built again",
            "REINDEX … CONCURRENTLY, outside a transaction",
            lock=S,
        )


plugin = Rule(Tier.MAJOR, _judge, (Reindex,), sized=True)
