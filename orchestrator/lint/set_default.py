"""The default of a column is changed.

Rows that exist stay as they are; INSERTs of versions still running get the new default without knowing.

    ALTER TABLE orders ALTER COLUMN state SET DEFAULT 'new';

Safe: let the code write the value first. The operation `set_default` does so.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import SetDefault
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: SetDefault, seen: Situation) -> Iterator[Remark]:
    if seen.added_before(act.table, act.column):
        return  # the column is so new that nobody writes it
    yield Remark(
        f"INSERTs of versions still running get the new default of {act.column}",
        "a change with set_default, or let the code write the value first",
    )


plugin = Rule(Tier.MINOR, _judge, (SetDefault,))
