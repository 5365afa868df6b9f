"""A column is added NOT NULL without a default.

On a table with rows it fails; on an empty one, every INSERT of the old version fails from then on.

    ALTER TABLE orders ADD COLUMN region text NOT NULL;

Safe: give it a default, or add it nullable and make it NOT NULL when every version writes it (`add_column`, `set_not_null`).
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import AddColumn
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: AddColumn, seen: Situation) -> Iterator[Remark]:
    column = act.column
    keys = any(each.kind == "primary key" for each in column.constraints)
    given = column.default is not None and not column.default.null
    if (column.not_null or keys) and not (given or column.serial or column.identity or column.generated):
        yield Remark(
            f"fails if {act.table} has rows, and INSERTs of versions that do not know {column.name} fail afterwards",
            "add it with a default or nullable; set_not_null when every version writes it",
        )


plugin = Rule(Tier.CRITICAL, _judge, (AddColumn,))
