"""CREATE INDEX CONCURRENTLY on a partitioned table.

PostgreSQL does not know it: the statement fails.

    CREATE INDEX CONCURRENTLY orders_email ON orders (email);   -- orders is partitioned

Safe: CREATE INDEX … ON ONLY the parent, CONCURRENTLY on every partition, ALTER INDEX … ATTACH PARTITION. The operation
`add_index` does so. Found with `--url`, or when the file itself makes the table.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import CreateIndex
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: CreateIndex, seen: Situation) -> Iterator[Remark]:
    if act.concurrently and seen.partitioned(act.table):
        yield Remark(
            f"fails: {act.table} is partitioned, and CONCURRENTLY does not exist there",
            "a change with add_index; or ON ONLY the parent, CONCURRENTLY on each partition, then ATTACH PARTITION",
            lock="",
        )


plugin = Rule(Tier.MAJOR, _judge, (CreateIndex,), fresh=True)
