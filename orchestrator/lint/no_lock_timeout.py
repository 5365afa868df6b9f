"""A strong lock is asked for without lock_timeout.

While the statement waits behind one long query, every later query of the table waits behind the statement: an outage that the
statement itself, which takes a millisecond, does not explain. A role's own lock_timeout is seen with `--url`.

    ALTER TABLE orders ADD COLUMN note text;

Safe: SET lock_timeout = '1s' above it, and try again when it strikes. orch does so by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import (
    Act,
    Lock,
)
from orchestrator.lint._effects import BLOCKS_WRITES
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: Act, seen: Situation) -> Iterator[Remark]:
    if seen.asked or seen.lock_timeout() or (isinstance(act, Lock) and act.nowait):
        return
    mine = [(name, lock) for name, lock in seen.victims(act) if lock in BLOCKS_WRITES]
    if mine:
        name, lock = mine[0]
        yield Remark(
            f"waits for {lock} on {name} without an end, and everybody else waits behind it",
            "SET lock_timeout = '1s' first, and try again when it strikes",
            lock=lock,
        )


plugin = Rule(Tier.MAJOR, _judge, (Act,), fresh=True)
