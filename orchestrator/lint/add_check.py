"""A CHECK or NOT NULL constraint is added and checked at once.

PostgreSQL reads the whole table under ACCESS EXCLUSIVE.

    ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0);

Safe: add it NOT VALID, which holds new rows to it at once, and VALIDATE CONSTRAINT in a later transaction. The operation
`add_check` does so.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import AddConstraint
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: AddConstraint, seen: Situation) -> Iterator[Remark]:
    if act.constraint.kind in ("check", "not null") and seen.effect(act).scans:
        yield Remark(
            f"reads all of {act.table} under ACCESS EXCLUSIVE",
            "a change with add_check: NOT VALID first, VALIDATE CONSTRAINT in another transaction",
        )


plugin = Rule(Tier.CRITICAL, _judge, (AddConstraint,), sized=True)
