"""A trigger is created or dropped.

Writes to the table wait for it, for DROP reads as well, and from then on every write of every version pays for it.

    CREATE TRIGGER audit AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION audit();

Safe: with lock_timeout, and after measuring what it costs a write.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import CreateTrigger, Drop
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: CreateTrigger | Drop, seen: Situation) -> Iterator[Remark]:
    if isinstance(act, CreateTrigger):
        yield Remark(
            f"writes to {act.table} wait for it, and every later one pays for it",
            "set lock_timeout, and measure what the trigger costs a write",
        )
    elif act.kind in ("trigger", "rule"):
        yield Remark(f"locks {act.table} against everybody, if only for a moment", "set lock_timeout and try again")


plugin = Rule(
    Tier.MINOR,
    _judge,
    (
        CreateTrigger,
        Drop,
    ),
)
