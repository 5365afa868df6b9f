"""REFRESH MATERIALIZED VIEW without CONCURRENTLY.

Nobody can read the view until its query has run to the end.

    REFRESH MATERIALIZED VIEW sales_by_day;

Safe: CONCURRENTLY, which needs a unique index on the view and leaves readers alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import Refresh
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: Refresh, seen: Situation) -> Iterator[Remark]:
    if not act.concurrently and not act.empty:
        yield Remark(
            f"nobody can read {act.name} until its query has run to the end",
            "REFRESH MATERIALIZED VIEW CONCURRENTLY, with a unique index on the view",
        )


plugin = Rule(Tier.CRITICAL, _judge, (Refresh,), sized=True)
