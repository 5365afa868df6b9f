"""A foreign key is added and checked at once.

Both tables are locked against writes while every row is looked up in the other one.

    ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers;

Safe: add it NOT VALID, and VALIDATE CONSTRAINT in a later transaction. The operation `add_foreign_key` does so. On partitioned
tables NOT VALID works from PostgreSQL 18 on.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import AddConstraint
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: AddConstraint, seen: Situation) -> Iterator[Remark]:
    made = act.constraint
    if made.kind == "foreign key" and made.valid:
        yield Remark(
            f"locks {act.table} and {made.refers} against writes while all of {act.table} is looked up",
            "a change with add_foreign_key: NOT VALID first, VALIDATE CONSTRAINT in another transaction",
        )


plugin = Rule(Tier.MAJOR, _judge, (AddConstraint,), sized=True)
