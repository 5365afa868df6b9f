"""A column is made NOT NULL.

PostgreSQL reads the whole table under ACCESS EXCLUSIVE, unless a CHECK that is already validated proves that there is no NULL.
Such a CHECK is recognised in the same file, and with `--url` in the database.

    ALTER TABLE orders ALTER COLUMN email SET NOT NULL;

Safe: CHECK (email IS NOT NULL) NOT VALID; VALIDATE it in another transaction; SET NOT NULL; drop the CHECK. The operation
`set_not_null` does so, and fills what is NULL before.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import SetNotNull
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: SetNotNull, seen: Situation) -> Iterator[Remark]:
    if seen.effect(act).scans:
        yield Remark(
            f"reads all of {act.table} under ACCESS EXCLUSIVE to look for NULL in {act.column}, and fails if there is one",
            "a change with set_not_null: CHECK NOT VALID, VALIDATE, SET NOT NULL, each by itself",
        )


plugin = Rule(Tier.CRITICAL, _judge, (SetNotNull,), sized=True)
