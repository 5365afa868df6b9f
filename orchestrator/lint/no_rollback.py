"""The migration has no way back, and says nothing about it.

At three in the morning nobody writes a down migration well. Most tools keep one beside the migration, and many of them are
empty.

    0042_email.up.sql           -- without 0042_email.down.sql
    def downgrade(): pass

Safe: write the way back, or, where there is none, what to do instead: `-- rollback: restore orders from the backup of the day`.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.lint._model import Remark, ScriptRule, Tier
from orchestrator.lint._situation import Situation


def _judge(seen: Situation) -> Iterator[Remark]:
    if seen.script.no_undo and seen.statements:
        yield Remark(
            f"there is no way back: {seen.script.no_undo}",
            "write it, or a comment `rollback: …` that says what to do instead",
            at=seen.script.undo_at,
        )


plugin = ScriptRule(Tier.MINOR, _judge)
