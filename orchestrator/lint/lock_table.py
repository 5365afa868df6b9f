"""LOCK TABLE in a mode that keeps others out.

    LOCK TABLE orders IN ACCESS EXCLUSIVE MODE;

Everybody waits until the transaction ends.

Safe: row locks (SELECT … FOR UPDATE), or an advisory lock between those who cooperate.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import Lock
from orchestrator.lint._effects import BLOCKS_WRITES
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: Lock, seen: Situation) -> Iterator[Remark]:
    if act.mode in BLOCKS_WRITES:
        yield Remark(
            f"others wait for {act.table} until the transaction ends",
            "row locks, or an advisory lock between those who cooperate",
        )


plugin = Rule(Tier.MAJOR, _judge, (Lock,))
