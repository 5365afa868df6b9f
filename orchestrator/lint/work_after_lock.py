"""Long work, or a second lock, in a transaction that holds a strong lock already.

The lock is held until COMMIT, so everything that follows adds to the time for which others wait; a strong lock on a second table
is how two sessions come to a deadlock.

    BEGIN;
    ALTER TABLE orders ADD COLUMN note text;
    UPDATE orders SET note = '';
    COMMIT;

Safe: one strong lock per transaction, as its last statement, and long work in others.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import Act, Copy, Insert, Modify, Opaque
from orchestrator.dialects.postgres.script.parts import Name
from orchestrator.lint._effects import AE
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: Act, seen: Situation) -> Iterator[Remark]:
    if seen.held is None or not seen.in_transaction:
        return
    table, lock = seen.held
    reason = _reason(act, table, seen)
    if reason:
        said = f"{reason} while the transaction holds {lock} on {table}"
        yield Remark(said, "end the transaction before it: one strong lock each, long work outside", lock=lock)


def _reason(act: Act, held: Name, seen: Situation) -> str:
    if isinstance(act, Modify | Copy | Opaque) or (isinstance(act, Insert) and act.source):
        return "" if isinstance(act, Modify) and seen.is_bound(act) else "changes rows"
    done = seen.effect(act)
    if done.long and not seen.is_fresh(done.locks[0][0]):
        return "reads or writes a whole table"
    others = [name for name, lock in seen.victims(act) if lock == AE and seen.key(name) != seen.key(held)]
    return f"takes ACCESS EXCLUSIVE on {others[0]}" if others else ""


plugin = Rule(Tier.MAJOR, _judge, (Act,))
