"""A column is added with REFERENCES of its own.

The foreign key is born valid: the referenced table is locked against writes together with this one, and with a default every
row is looked up under ACCESS EXCLUSIVE.

    ALTER TABLE orders ADD COLUMN region_id int REFERENCES regions;

Safe: the column alone; then the foreign key NOT VALID, and VALIDATE CONSTRAINT in a later transaction.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import AddColumn
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: AddColumn, seen: Situation) -> Iterator[Remark]:
    default = act.column.default
    filled = default is not None and not default.null
    for each in act.column.constraints:
        if each.kind == "foreign key":
            reads = f"reads all of {act.table} under ACCESS EXCLUSIVE and " if filled else ""
            yield Remark(
                f"{reads}locks {each.refers} against writes together with {act.table}",
                "add the column alone, then the foreign key NOT VALID, then VALIDATE CONSTRAINT in another transaction",
                Tier.CRITICAL if filled else None,
                each.at,
            )


plugin = Rule(Tier.MAJOR, _judge, (AddColumn,), sized=True)
