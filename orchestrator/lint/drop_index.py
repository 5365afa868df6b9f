"""An index is dropped without CONCURRENTLY.

It takes no time, but ACCESS EXCLUSIVE on the table: while it waits for a long query, everybody waits behind it. Queries that
used the index become slow.

    DROP INDEX orders_email;

Safe: DROP INDEX CONCURRENTLY, once statistics show that it is not used. The operation `drop_index` does so.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import Drop
from orchestrator.lint._effects import AE
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: Drop, seen: Situation) -> Iterator[Remark]:
    if act.kind == "index" and not act.concurrently:
        yield Remark(
            f"locks the table of {act.name} against everybody, if only for a moment",
            "a change with drop_index: DROP INDEX CONCURRENTLY",
            lock=AE,
        )


plugin = Rule(Tier.MINOR, _judge, (Drop,))
