"""VACUUM FULL or CLUSTER.

The whole table and its indexes are written anew while nobody can read or write it.

    VACUUM FULL orders;
    CLUSTER orders USING orders_pkey;

Safe: pg_repack or pg_squeeze do the same under load; plain VACUUM makes the room usable again.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import Cluster, Vacuum
from orchestrator.lint._effects import AE
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: Vacuum | Cluster, seen: Situation) -> Iterator[Remark]:
    if isinstance(act, Cluster) or act.full:
        yield Remark(
            f"writes {act.table or 'every table'} anew under ACCESS EXCLUSIVE",
            "pg_repack, or a plain VACUUM",
            lock=AE,
        )


plugin = Rule(
    Tier.CRITICAL,
    _judge,
    (
        Vacuum,
        Cluster,
    ),
    sized=True,
)
