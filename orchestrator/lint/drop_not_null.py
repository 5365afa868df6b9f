"""NOT NULL or a default is dropped.

The statement takes no time, but versions that read the column never expected NULL.

    ALTER TABLE orders ALTER COLUMN email DROP NOT NULL;

Safe: when every version that reads it can take a NULL. The operations `drop_not_null` and `drop_default` do so.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import DropDefault, DropNotNull
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: DropNotNull | DropDefault, seen: Situation) -> Iterator[Remark]:
    what = "NOT NULL" if isinstance(act, DropNotNull) else "its default"
    yield Remark(
        f"{act.table}.{act.column} loses {what}: versions still running rely on it",
        "a change with drop_not_null or drop_default: it comes when the old version is gone",
    )


plugin = Rule(
    Tier.MINOR,
    _judge,
    (
        DropNotNull,
        DropDefault,
    ),
)
