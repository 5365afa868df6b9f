"""The examples of the operations: one file per operation, read by the conformance walks and by the documentation.

Why it exists: an example that is only printed rots, a test case that nobody reads is written for the test. Here both are
one: ``examples/operations/OPERATION.yaml`` holds what a reader sees and everything the walks need to judge the operation.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from ruamel.yaml import YAML

ROOM = Path(__file__).parents[2] / "examples" / "operations"
Values = dict[str, list[str]]
"""Column → SQL expressions that an application may write into it; ``{n}`` is a number never used before."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fact(_Model):
    """What a version of the application means by some columns, in the old shape and in the new one.

    ``up`` gives the new columns from the row in the old shape, ``down`` the old ones from the row in the new shape; left
    out, a column of the same name (else the only one there is) is taken as it is. ``lossy`` are new values that do not
    survive ``down``; they are written only after the switch, as the gate demands.
    """

    old: Values = {}
    new: Values = {}
    up: dict[str, str] = {}
    down: dict[str, str] = {}
    lossy: Values = {}
    one_way: bool = Field(default=False, description="nothing leads back: new versions write only after contract")
    unique: bool = Field(default=False, description="no two rows hold the same: it is always given, and to one row")


class Place(_Model):
    """The table under load, where its name differs between the shapes; None where a shape has none."""

    old: str | None
    new: str | None


class Example(_Model):
    """One example. ``plain`` is the DDL (and DML) that a downtime would have allowed: it must leave the same schema."""

    title: str = Field(min_length=1)
    setup: str
    change: dict[str, Any]
    plain: str
    table: str | Place
    facts: tuple[Fact, ...] = ()
    others: Values = Field(min_length=1, description="columns that the change leaves alone, and what is written there")
    key: str = "id"
    own_key: bool = Field(default=False, description="the operation is about the key: the walks give it no other")
    views: str | None = Field(default=None, description="the schema into which new versions look first, for its views")
    by_chance: tuple[str, ...] = Field(default=(), description="columns whose values nobody can foretell")

    def place(self) -> Place:
        """The table in either shape."""
        return self.table if isinstance(self.table, Place) else Place(old=self.table, new=self.table)


class Case(_Model):
    """An example with the operation it belongs to; ``number`` 0 is the one to read first."""

    operation: str
    number: int
    example: Example

    def __str__(self) -> str:
        return f"{self.operation}-{self.number}"


@cache
def cases() -> tuple[Case, ...]:
    """Every example of every operation. Raises pydantic's ValidationError naming what is wrong."""
    found = []
    for path in sorted(ROOM.glob("*.yaml")):
        data = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        for number, each in enumerate(data):
            found.append(Case(operation=path.stem, number=number, example=Example.model_validate(each)))
    return tuple(found)
