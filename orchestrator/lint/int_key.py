"""A key of four bytes or less: serial, or an integer primary key.

It ends at 2,147,483,647, and the way from there to bigint is the longest of all changes. Eight bytes cost next to nothing.

    CREATE TABLE orders (id serial PRIMARY KEY);

Safe: bigint, GENERATED ALWAYS AS IDENTITY.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import AddColumn, CreateTable
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: CreateTable | AddColumn, seen: Situation) -> Iterator[Remark]:
    columns = act.columns if isinstance(act, CreateTable) else (act.column,)
    keys = (
        {c for each in act.constraints if each.kind == "primary key" for c in each.columns}
        if isinstance(act, CreateTable)
        else set()
    )
    for column in columns:
        key = column.name in keys or any(each.kind == "primary key" for each in column.constraints)
        numbered = column.serial or column.identity
        if column.type.name in _SHORT and (numbered or (key and len(keys) < 2)):
            yield Remark(
                f"{column.name} ends at {_SHORT[column.type.name]:,}",
                "bigint GENERATED ALWAYS AS IDENTITY",
                at=column.at,
                lock="",
            )


_SHORT = {
    "serial": 2**31 - 1,
    "serial4": 2**31 - 1,
    "int4": 2**31 - 1,
    "smallserial": 2**15 - 1,
    "serial2": 2**15 - 1,
    "int2": 2**15 - 1,
}


plugin = Rule(
    Tier.MINOR,
    _judge,
    (
        CreateTable,
        AddColumn,
    ),
    fresh=True,
)
