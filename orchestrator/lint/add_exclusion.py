"""An EXCLUDE constraint is added.

Its index is built while the table is locked against everybody; PostgreSQL knows no concurrent way.

    ALTER TABLE bookings ADD EXCLUDE USING gist (room WITH =, during WITH &&);

Safe: on a big table only by way of a second table. The operation `add_exclusion` does it where the table is small enough.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import AddConstraint
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: AddConstraint, seen: Situation) -> Iterator[Remark]:
    if act.constraint.kind == "exclude":
        yield Remark(
            f"builds an index on {act.table} under ACCESS EXCLUSIVE; there is no NOT VALID and no USING INDEX for it",
            "a change with add_exclusion on a small table; a new table that has it, filled and swapped, for a big one",
        )


plugin = Rule(Tier.CRITICAL, _judge, (AddConstraint,), sized=True)
