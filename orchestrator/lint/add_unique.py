"""A UNIQUE constraint is added without an index that exists.

The index is built while the table is locked against everybody, and the build fails at the first duplicate.

    ALTER TABLE customers ADD CONSTRAINT one_email UNIQUE (email);

Safe: CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT … UNIQUE USING INDEX. The operation `add_unique` does so.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import AddConstraint
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: AddConstraint, seen: Situation) -> Iterator[Remark]:
    if act.constraint.kind == "unique" and not act.constraint.index:
        yield Remark(
            f"builds a unique index on {act.table} under ACCESS EXCLUSIVE, and fails at the first duplicate",
            "a change with add_unique: CREATE UNIQUE INDEX CONCURRENTLY, then USING INDEX",
        )


plugin = Rule(Tier.CRITICAL, _judge, (AddConstraint,), sized=True)
