"""DROP … CASCADE removes more than it names.

What goes is decided by the database at that moment, not by the file that was reviewed: views, foreign keys, functions' defaults,
columns of that type. None of it can be brought back by a down-migration that nobody wrote.

    DROP TABLE customers CASCADE;
    ALTER TABLE orders DROP COLUMN status CASCADE;

Safe: name every object that goes, in the order in which they depend on each other, without CASCADE.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import Drop, DropColumn, DropConstraint
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: Drop | DropColumn | DropConstraint, seen: Situation) -> Iterator[Remark]:
    if act.cascade:
        yield Remark(
            "CASCADE drops whatever depends on it, and the file does not say what that is",
            "drop the dependents by name first, then this without CASCADE",
        )


plugin = Rule(
    Tier.CRITICAL,
    _judge,
    (
        Drop,
        DropColumn,
        DropConstraint,
    ),
)
