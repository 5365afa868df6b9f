"""CREATE INDEX CONCURRENTLY IF NOT EXISTS.

A build that is interrupted (lock_timeout, deadlock, a duplicate) leaves an invalid index behind. The second try then says
"already exists, skipping" and succeeds, with an index that no query uses and every write pays for.

    CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_email ON orders (email);

Safe: look at pg_index.indisvalid, drop an invalid one, build again. The operation `add_index` does so.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import CreateIndex
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: CreateIndex, seen: Situation) -> Iterator[Remark]:
    if act.concurrently and act.if_not_exists:
        yield Remark(
            f"after an interrupted build the next try accepts the invalid index {act.name} that it left",
            "a change with add_index; or DROP INDEX CONCURRENTLY IF EXISTS first, then CREATE without IF NOT EXISTS",
            lock="",
        )


plugin = Rule(Tier.MAJOR, _judge, (CreateIndex,))
