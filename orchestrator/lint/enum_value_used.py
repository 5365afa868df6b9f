"""A value that was added to an enum is used in the same transaction.

PostgreSQL refuses it: "unsafe use of new value" (55P04). Tools that wrap a file into a transaction do this without a BEGIN in
sight.

    BEGIN;
    ALTER TYPE status ADD VALUE 'archived';
    UPDATE orders SET status = 'archived' WHERE closed;
    COMMIT;

Safe: the value in one migration, its use in the next. The operation `add_enum_value` does so.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import (
    AddColumn,
    AddConstraint,
    Copy,
    CreateIndex,
    Insert,
    Modify,
    Query,
    SetDefault,
)
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(
    act: Modify | Insert | Query | SetDefault | AddColumn | AddConstraint | CreateIndex | Copy, seen: Situation
) -> Iterator[Remark]:
    if not seen.in_transaction:
        return
    text = seen.statement.text if seen.statement else ""
    for earlier in seen.values:
        if earlier.type.name in seen.enums:
            continue
        if "'" + earlier.value.replace("'", "''") + "'" in text:
            yield Remark(
                f"uses '{earlier.value}', which this transaction has added to {earlier.type}: error 55P04",
                "add the value in one migration and use it in the next",
                lock="",
            )
            return


plugin = Rule(
    Tier.MAJOR,
    _judge,
    (
        Modify,
        Insert,
        Query,
        SetDefault,
        AddColumn,
        AddConstraint,
        CreateIndex,
        Copy,
    ),
    fresh=True,
)
