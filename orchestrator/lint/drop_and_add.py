"""A column is dropped in the same release that adds one to the table.

That is a rename or a change of type with the values thrown away: nothing has been copied, and versions still running write the
old column to the last moment.

    ALTER TABLE orders ADD COLUMN customer_email text, DROP COLUMN email;

Safe: add, fill, switch, and drop a release later: the operations `rename_column` and `change_type`.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import AddColumn, DropColumn
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: DropColumn | AddColumn, seen: Situation) -> Iterator[Remark]:
    for earlier in seen.of_table.get(seen.key(act.table), ()):
        if isinstance(earlier, DropColumn | AddColumn) and type(earlier) is not type(act):
            drop, add = (act, earlier) if isinstance(act, DropColumn) else (earlier, act)
            if isinstance(drop, DropColumn) and isinstance(add, AddColumn) and drop.column != add.column.name:
                yield Remark(
                    f"{drop.column} goes in the release that brings {add.column.name}: versions still running write the old one",
                    "a change with rename_column or change_type: the old one goes when nothing uses it any more",
                )
                return


plugin = Rule(
    Tier.CRITICAL,
    _judge,
    (
        DropColumn,
        AddColumn,
    ),
)
