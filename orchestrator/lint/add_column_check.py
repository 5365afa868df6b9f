"""A column is added with a CHECK of its own.

Although every value is the same, PostgreSQL reads the whole table under ACCESS EXCLUSIVE to check it.

    ALTER TABLE orders ADD COLUMN discount int CHECK (discount >= 0);

Safe: the column alone; then the CHECK NOT VALID, and VALIDATE CONSTRAINT in a later transaction.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import AddColumn
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: AddColumn, seen: Situation) -> Iterator[Remark]:
    for each in act.column.constraints:
        if each.kind == "check":
            yield Remark(
                f"reads all of {act.table} under ACCESS EXCLUSIVE to check {act.column.name}",
                "add the column alone, then the CHECK NOT VALID, then VALIDATE CONSTRAINT in another transaction",
                at=each.at,
            )
    if act.column.generated == "virtual" and act.column.not_null:
        yield Remark(
            f"reads all of {act.table} under ACCESS EXCLUSIVE to check that {act.column.name} is never NULL",
            "add the column without NOT NULL, then a CHECK NOT VALID, then VALIDATE CONSTRAINT",
        )


plugin = Rule(Tier.CRITICAL, _judge, (AddColumn,), sized=True)
