"""A partition is detached without CONCURRENTLY.

Parent and partition are locked against everybody, for a moment, behind every query that is running.

    ALTER TABLE orders DETACH PARTITION orders_2019;

Safe: DETACH PARTITION … CONCURRENTLY, outside a transaction; it refuses where there is a default partition.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import DetachPartition
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: DetachPartition, seen: Situation) -> Iterator[Remark]:
    if not act.concurrently:
        yield Remark(
            f"locks {act.table} and {act.partition} against everybody",
            "DETACH PARTITION … CONCURRENTLY, outside a transaction",
        )


plugin = Rule(Tier.MINOR, _judge, (DetachPartition,))
