"""A column is added with a volatile default.

A constant default, or a stable one like `now()`, is kept in the catalog and costs nothing. A volatile one has another value for
every row, so every row is written under ACCESS EXCLUSIVE; with NOT NULL it is the same.

    ALTER TABLE orders ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid();

Safe: add it without a default, set the default for rows to come, fill the others in batches, then NOT NULL. The operation
`add_column` does so.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import AddColumn
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: AddColumn, seen: Situation) -> Iterator[Remark]:
    column = act.column
    functions = seen.volatile(column.default)
    if not functions or column.serial or column.generated:
        return
    known = all(seen.volatility(tuple(each.split("."))) == "v" for each in functions)
    because = "is volatile" if known else "is not known to be stable (with --url it is looked up)"
    yield Remark(
        f"writes every row of {act.table} anew under ACCESS EXCLUSIVE: the default of {column.name}, {functions[0]}(), {because}",
        "a change with add_column: the default is for new rows, the others are filled in batches",
    )


plugin = Rule(Tier.CRITICAL, _judge, (AddColumn,), sized=True)
