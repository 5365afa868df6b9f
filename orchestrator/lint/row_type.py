"""The columns of a table change, which prepared `SELECT *` and `RETURNING *` notice.

Statements prepared before, by a driver too, fail with "cached plan must not change result type" until their connection is
renewed.

    ALTER TABLE orders ADD COLUMN note text;

Safe: statements that list their columns, or pools that are recycled with the release.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import AddColumn
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: AddColumn, seen: Situation) -> Iterator[Remark]:
    yield Remark(
        f"prepared SELECT * and RETURNING * of {act.table} fail once with 0A000",
        "list columns in statements, or renew the connections of the pool with the release",
        lock="",
    )


plugin = Rule(Tier.MINOR, _judge, (AddColumn,))
