"""A name of more than 63 bytes.

PostgreSQL cuts it off with a notice. Two long names can become one, and code that looks for the whole name does not find it.

Safe: a shorter name.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import Act, AddColumn, AddConstraint, CreateIndex, CreateTable, Rename
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: CreateTable | AddColumn | CreateIndex | AddConstraint | Rename, seen: Situation) -> Iterator[Remark]:
    for name in _names(act):
        if len(name.encode()) > 63:
            yield Remark(
                f"{name} has {len(name.encode())} bytes; PostgreSQL cuts it off at 63", "a shorter name", lock=""
            )


def _names(act: Act) -> list[str]:
    if isinstance(act, CreateTable):
        return [act.table.name, *(each.name for each in act.columns), *(each.name for each in act.constraints)]
    if isinstance(act, AddColumn):
        return [act.column.name]
    if isinstance(act, CreateIndex):
        return [act.name]
    if isinstance(act, AddConstraint):
        return [act.constraint.name]
    return [act.new] if isinstance(act, Rename) else []


plugin = Rule(
    Tier.MINOR,
    _judge,
    (
        CreateTable,
        AddColumn,
        CreateIndex,
        AddConstraint,
        Rename,
    ),
    fresh=True,
)
