"""A schema, database, view, type, function, sequence or extension is dropped.

Whatever a running version asks of it fails at once; no lock timeout helps against that.

    DROP VIEW recent_orders;
    DROP TYPE order_status;

Safe: look into `pg_depend` and into the statements in use, let every version that uses it go, and only then drop it. A function
that is replaced rather than removed: CREATE OR REPLACE.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import Drop
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: Drop, seen: Situation) -> Iterator[Remark]:
    if act.kind in _OTHERS:
        return
    if not seen.is_fresh(act.name):
        yield Remark(
            f"drops the {act.kind} {act.name}: whatever still uses it fails at once",
            "in a later release than the last version that uses it; the operation sql takes it with its undo and its proof",
        )


_OTHERS = frozenset(
    {
        "table",
        "foreign table",
        "index",
        "trigger",
        "policy",
        "rule",
        "statistic ext",
        "cast",
        "operator",
        "owned",
        "constraint",
    }
)


plugin = Rule(Tier.CRITICAL, _judge, (Drop,))
