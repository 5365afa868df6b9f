"""A column is added whose type is a domain with a constraint.

The constraint is checked on every row, and the table is written anew under ACCESS EXCLUSIVE, even with a constant default.

    ALTER TABLE orders ADD COLUMN rating stars;   -- CREATE DOMAIN stars AS int CHECK (VALUE BETWEEN 1 AND 5)

Safe: the domain's base type, with a CHECK that is added NOT VALID and validated later.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import AddColumn
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: AddColumn, seen: Situation) -> Iterator[Remark]:
    if seen.constrained_domain(act.column.type):
        yield Remark(
            f"writes every row of {act.table} anew under ACCESS EXCLUSIVE: {act.column.type} is a domain with a constraint",
            "the base type, then a CHECK added NOT VALID and validated in a later transaction",
        )


plugin = Rule(Tier.CRITICAL, _judge, (AddColumn,), sized=True)
