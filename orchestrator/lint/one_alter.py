"""A table is altered twice in a row, where once would do.

Every ALTER TABLE waits for its own lock, with everybody else behind it, and two that rewrite or read the table do so twice.

    ALTER TABLE orders ADD COLUMN note text;
    ALTER TABLE orders ADD COLUMN origin text;

Safe: one statement: ALTER TABLE orders ADD COLUMN note text, ADD COLUMN origin text. Several deploys that each alter the same
table can often be one.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import (
    Act,
    AddColumn,
    AddConstraint,
    AlterTable,
    DropColumn,
    DropConstraint,
    DropDefault,
    DropNotNull,
    Retype,
    SetDefault,
    SetNotNull,
    Setting,
    Transaction,
)
from orchestrator.lint._effects import AE, table_of
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation

_ALTERS = (
    AddColumn,
    DropColumn,
    Retype,
    SetNotNull,
    DropNotNull,
    SetDefault,
    DropDefault,
    AddConstraint,
    DropConstraint,
    AlterTable,
)


def _judge(act: Act, seen: Situation) -> Iterator[Remark]:
    earlier = next((each for each in reversed(seen.before) if not isinstance(each, Setting | Transaction)), None)
    if earlier is None or not isinstance(earlier, _ALTERS) or not _are_two(earlier, act, seen):
        return
    before, now = seen.effect(earlier), seen.effect(act)
    if before.lock == now.lock == AE and isinstance(earlier, DropColumn) is isinstance(act, DropColumn):
        twice = before.long and now.long
        apart = not any(each is earlier for each in reversed(seen.together))
        if twice or (apart and not before.long and not now.long):
            yield Remark(
                f"{'reads or rewrites' if twice else 'locks'} {earlier.table} again, which the statement above has done",
                "one ALTER TABLE with both commands",
            )


def _are_two(earlier: Act, act: Act, seen: Situation) -> bool:
    """Whether both are of the same table, and of two statements."""
    mine, theirs = table_of(act), table_of(earlier)
    start = seen.statement.start if seen.statement else 0
    return mine is not None and theirs is not None and seen.key(mine) == seen.key(theirs) and earlier.at < start


plugin = Rule(Tier.MINOR, _judge, _ALTERS)
