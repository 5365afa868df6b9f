"""A primary key is added without an index that exists, or on columns that may be NULL.

The index is built while the table is locked against everybody. USING INDEX saves the build, but columns that are not NOT NULL
yet are still read under the lock.

    ALTER TABLE orders ADD PRIMARY KEY (id);

Safe: make the columns NOT NULL by way of a validated CHECK, build the index CONCURRENTLY, then USING INDEX. The operation
`add_primary_key` does so.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import AddConstraint
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: AddConstraint, seen: Situation) -> Iterator[Remark]:
    made = act.constraint
    if made.kind != "primary key":
        return
    way = "a change with add_primary_key: NOT NULL proven, index built CONCURRENTLY, then USING INDEX"
    if not made.index:
        yield Remark(f"builds a unique index on {act.table} under ACCESS EXCLUSIVE", way)
    elif seen.effect(act).scans:
        yield Remark(f"reads all of {act.table} under ACCESS EXCLUSIVE: columns of {made.index} are not NOT NULL", way)


plugin = Rule(Tier.CRITICAL, _judge, (AddConstraint,), sized=True)
