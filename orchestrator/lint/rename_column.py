"""A column is renamed in one step.

The rename itself takes no time, but between it and the moment when the last old process is gone one of the two versions names a
column that does not exist.

    ALTER TABLE orders RENAME COLUMN email TO customer_email;

Safe: have both names for a while, kept equal by triggers or shown by views. The operation `rename_column` does so.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import Rename
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: Rename, seen: Situation) -> Iterator[Remark]:
    if act.kind == "column" and act.table is not None:
        yield Remark(
            f"renames {act.table}.{act.old} to {act.new}: either the old or the new version of the application fails",
            "a change with rename_column: both names exist until the old version is gone",
        )


plugin = Rule(Tier.CRITICAL, _judge, (Rename,))
