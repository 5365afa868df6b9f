"""A constraint is dropped.

It takes no time but ACCESS EXCLUSIVE, for a foreign key on both tables, and rows that break it may be written from then on.

    ALTER TABLE orders DROP CONSTRAINT orders_customer_fk;

Safe: in contract, when no version relies on it any more. The operation `drop_constraint` does so.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import DropConstraint
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: DropConstraint, seen: Situation) -> Iterator[Remark]:
    yield Remark(
        f"drops {act.name}: what it forbade may be written from now on",
        "a change with drop_constraint, when no version relies on it; with lock_timeout",
    )


plugin = Rule(Tier.MINOR, _judge, (DropConstraint,))
