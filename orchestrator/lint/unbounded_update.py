"""UPDATE, DELETE or MERGE of a whole table in one transaction.

Every row it touches is locked until the end, dead rows and WAL come faster than vacuum and replicas follow, and a failure
throws all of it away. A WHERE that names no key may still mean every row.

    UPDATE orders SET state = 'new' WHERE state IS NULL;

Safe: batches by key, each in its own transaction, throttled by replica lag and load: the backfill of a change.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import Modify
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: Modify, seen: Situation) -> Iterator[Remark]:
    if seen.is_bound(act):
        return
    which = "rows of a condition that names no key" if act.where else "every row"
    yield Remark(
        f"{act.verb.upper()} of {which} of {act.table} in one transaction: row locks, WAL and dead rows without a limit",
        "the backfill of a change: batches by key, each its own transaction, throttled",
    )


plugin = Rule(Tier.MAJOR, _judge, (Modify,), sized=True)
