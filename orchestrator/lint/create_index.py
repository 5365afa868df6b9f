"""An index is built without CONCURRENTLY.

The table is locked against writes until the index is finished.

    CREATE INDEX orders_email ON orders (email);

Safe: CREATE INDEX CONCURRENTLY, outside a transaction, and look afterwards whether it is valid. The operation `add_index` does
so. On a partitioned table: ON ONLY the parent, CONCURRENTLY on every partition, then ATTACH.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import CreateIndex
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: CreateIndex, seen: Situation) -> Iterator[Remark]:
    if act.concurrently or not seen.effect(act).scans:
        return
    leaves = " and all its partitions" if seen.partitioned(act.table) else ""
    yield Remark(
        f"locks {act.table}{leaves} against writes until the index is built",
        "a change with add_index: CREATE INDEX CONCURRENTLY, checked and rebuilt when it ends invalid",
    )


plugin = Rule(Tier.MAJOR, _judge, (CreateIndex,), sized=True)
