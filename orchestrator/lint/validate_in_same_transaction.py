"""A constraint is added NOT VALID and validated in the same transaction.

The strong lock of the first statement is held until the transaction ends, so the whole table is read under it after all.

    BEGIN;
    ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0) NOT VALID;
    ALTER TABLE orders VALIDATE CONSTRAINT positive;
    COMMIT;

Safe: two transactions; in tools that wrap a file into one, two files.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import ValidateConstraint
from orchestrator.lint._effects import AE, SRE
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: ValidateConstraint, seen: Situation) -> Iterator[Remark]:
    table = seen.key(act.table)
    for each in seen.checks:
        if (
            (each.table, each.name) == (table, act.name)
            and each.transaction == seen.transaction
            and seen.in_transaction
        ):
            lock = SRE if each.kind == "foreign key" else AE
            yield Remark(
                f"reads all of {act.table} while the lock of ADD CONSTRAINT is still held",
                "validate in a transaction, or a file, of its own",
                lock=lock,
            )


plugin = Rule(Tier.MAJOR, _judge, (ValidateConstraint,), sized=True)
