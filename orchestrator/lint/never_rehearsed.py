"""A lock is held for as long as a large table is big, and nobody has seen how long that is.

From a million rows on (`rehearse_from` in orch.toml says otherwise) what a statement costs is measured, not guessed: cache, disk,
indexes and load decide whether it is seconds or an hour. Only `--url` shows how large a table is.

    ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0);

Safe: make it a change, which `orch rehearse` takes through on a copy of that size under load. A migration that must go as it is
runs on a restored copy first, and what was seen there stands beside it:
`-- orch:ignore never_rehearsed: held 14 s on a copy of 3 million rows`.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import Act
from orchestrator.lint._effects import BLOCKS_WRITES, table_of
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: Act, seen: Situation) -> Iterator[Remark]:
    there = seen.table(table_of(act))
    if seen.known is None or there is None or not 0 < seen.known.rehearse_from <= there.rows:
        return
    done = seen.effect(act)
    if done.long and done.lock in BLOCKS_WRITES:
        yield Remark(
            f"{done.lock} for as long as {there.name} is big, about {there.rows:,} rows, and never rehearsed",
            "a change, and orch rehearse; or run it on a restored copy and answer this with what was seen",
        )


plugin = Rule(Tier.MAJOR, _judge, (Act,))
