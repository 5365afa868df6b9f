"""CONCURRENTLY, or VACUUM, stands in a transaction.

PostgreSQL refuses it there with error 25001, and the migration stops half-way. Tools that wrap a file into a transaction do this
without a BEGIN in sight.

    BEGIN;
    CREATE INDEX CONCURRENTLY orders_email ON orders (email);

Safe: a file of its own, marked as not transactional in the way of the tool.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import (
    Cluster,
    CreateIndex,
    DetachPartition,
    Drop,
    Other,
    Reindex,
    Vacuum,
    needs_no_transaction,
)
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(
    act: CreateIndex | Drop | Reindex | DetachPartition | Vacuum | Cluster | Other, seen: Situation
) -> Iterator[Remark]:
    if seen.in_transaction and needs_no_transaction(act):
        where = seen.part.who if seen.open_since is None else "BEGIN stands above it"
        yield Remark(f"cannot run inside a transaction (error 25001), and {where}", seen.part.way, lock="")


plugin = Rule(
    Tier.MAJOR,
    _judge,
    (
        CreateIndex,
        Drop,
        Reindex,
        DetachPartition,
        Vacuum,
        Cluster,
        Other,
    ),
    fresh=True,
)
