"""A serial or identity column is added to a table that exists.

Every row gets its number at once: the table is written anew under ACCESS EXCLUSIVE.

    ALTER TABLE orders ADD COLUMN number bigserial;
    ALTER TABLE orders ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY;

Safe: add it without, give new rows a number from a sequence, number the others in batches. The operation `add_column` with
`identity:` does so.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import AddColumn
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: AddColumn, seen: Situation) -> Iterator[Remark]:
    if act.column.serial or act.column.identity:
        yield Remark(
            f"writes every row of {act.table} anew under ACCESS EXCLUSIVE to number {act.column.name}",
            "a change with add_column and identity: rows are numbered in batches",
        )


plugin = Rule(Tier.CRITICAL, _judge, (AddColumn,), sized=True)
