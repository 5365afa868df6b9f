"""An index as a change file asks for it: keys, what it carries along, which rows it covers.

Why it exists: adding an index and replacing one ask the same of the author, and spell the same definition.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from orchestrator.core.asked import Question
from orchestrator.core.catalog import NO_EXTRAS, Catalog, IndexExtras, Table
from orchestrator.core.partitioned import CreatePartitionedIndex, DropPartitionedIndex
from orchestrator.core.step import CreateIndex, DropIndex, Step
from orchestrator.core.sync import Rule
from orchestrator.operations._constraint import quoted
from orchestrator.operations._model import Name, checked


class Key(BaseModel):
    """One key of an index: a column or an expression over the row, and how it is ordered and compared."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    column: Name | None = None
    expression: str | None = None
    collation: Name | None = None
    opclass: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$")
    order: Literal["asc", "desc"] | None = None
    nulls: Literal["first", "last"] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.column is None) == (self.expression is None):
            raise ValueError("a key is either a column or an expression")
        return self

    def spelled(self) -> str:
        """The key as CREATE INDEX has it."""
        parts = [f"(\n{self.expression}\n)" if self.column is None else quoted(self.column)]
        parts += [f"COLLATE {quoted(self.collation)}"] if self.collation else []
        parts += [self.opclass] if self.opclass else []
        parts += [self.order.upper()] if self.order else []
        parts += [f"NULLS {self.nulls.upper()}"] if self.nulls else []
        return " ".join(parts)


def _tag(value: object) -> str:
    return "key" if isinstance(value, dict | Key) else "columns"


Keys = list[Annotated[Annotated[Name, Tag("columns")] | Annotated[Key, Tag("key")], Discriminator(_tag)]]
"""Columns by name, or keys; what is neither is reported once, under the name of the field."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for; ``options`` are storage parameters."""

    table: str
    keys: Sequence[str | Key]
    include: Sequence[str] = ()
    where: str | None = None
    method: str = "btree"
    unique: bool = False
    options: Sequence[str] = ()

    def questions(self) -> Iterator[Question]:
        """Its expressions, and its condition, which must be boolean."""
        for key in self.keys:
            if isinstance(key, Key) and key.expression is not None:
                yield Question(self.table, key.expression)
        if self.where is not None:
            yield Question(self.table, self.where, "boolean")

    def columns(self) -> tuple[str, ...]:
        """The columns it names by themselves."""
        named = (key if isinstance(key, str) else key.column for key in self.keys)
        return (*(name for name in named if name is not None), *self.include)

    def check(self, catalog: Catalog, name: str) -> None:
        """Refuse what the server would refuse later. Raises PlanRefused."""
        table = catalog.table(self.table)
        for column in self.columns():
            table.column(column)
        for question in self.questions():
            what = "where" if question.returns else "key"
            checked(catalog, question, what=f"{what} of index {name}", synced=True)

    def definition(self, table: Table, name: str) -> str:
        """CREATE INDEX; the dialect makes it concurrent."""
        words = f"CREATE {'UNIQUE ' if self.unique else ''}INDEX {quoted(name)}"
        words += f" ON {quoted(table.name.schema)}.{quoted(table.name.name)} USING {quoted(self.method)}"
        words += f" ({_listed(key if isinstance(key, Key) else Key(column=key) for key in self.keys)})"
        words += f" INCLUDE ({', '.join(map(quoted, self.include))})" if self.include else ""
        words += f" WITH ({', '.join(map(spelled_option, self.options))})" if self.options else ""
        return words + (f" WHERE (\n{self.where}\n)" if self.where is not None else "")


def built(
    table: Table,
    name: str,
    definition: str,
    extras: IndexExtras = NO_EXTRAS,
    rule: Rule | None = None,
    renamed: tuple[str, str] | None = None,
) -> Step:
    """The Step that builds an index without blocking writes: at once, or partition by partition."""
    if table.partitioning is None:
        return CreateIndex(table.name, name, definition=definition, renamed=renamed, extras=extras, rule=rule)
    return CreatePartitionedIndex(table.name, name, definition, renamed, extras.comment, extras.tablespace, rule)


def dropped(table: Table, name: str, definition: str, extras: IndexExtras) -> Step:
    """The Step that drops an index; of a partitioned table it goes with those of the partitions."""
    if table.partitioning is None:
        return DropIndex(table.name, name, definition, extras)
    return DropPartitionedIndex(table.name, name, definition, extras.comment, extras.tablespace)


def build_words(table: Table, name: str) -> str:
    """What building is called for people."""
    return f"build {name} on {table.name} concurrently" + (", partition by partition" if table.partitioning else "")


def spelled_option(option: str) -> str:
    """A storage parameter as the server spells it in a definition: its value is a text."""
    name, value = option.split("=", 1)
    return f"{name}='{value}'"


def _listed(keys: Iterable[Key]) -> str:
    return ", ".join(key.spelled() for key in keys)
