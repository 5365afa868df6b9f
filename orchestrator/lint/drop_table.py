"""A table is dropped.

Every version that still uses it fails, the rows are gone, and foreign keys that point to it, or from it, lock the tables at
their other end as well.

    DROP TABLE customers;

Safe: rename it away when nothing uses it any more, drop it days later. The operation `drop_table` does so.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import Drop
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: Drop, seen: Situation) -> Iterator[Remark]:
    if act.kind in ("table", "foreign table"):
        yield Remark(
            f"drops the table {act.name}: versions still running fail, and its rows are gone;"
            " tables bound to it by foreign keys are locked, too",
            "a change with drop_table: it is renamed away first and dropped when nothing has missed it",
        )


plugin = Rule(Tier.CRITICAL, _judge, (Drop,))
