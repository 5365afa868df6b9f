"""Create a table, with its constraints, indexes and comments, in expand.

Nothing that is there is changed: the table is empty, so its keys and checks cost nothing; a foreign key locks the table it
refers to for a catalog change. Old versions do not know the table; new ones may use it from expand on. An abort, which is
possible until expand has ended, drops it with its rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from orchestrator.core.asked import Question
from orchestrator.core.catalog import Catalog, Table, TableName
from orchestrator.core.errors import PlanRefused
from orchestrator.core.newtable import NewCheck, NewColumn, NewKey, NewReference
from orchestrator.core.plan import Draft, PlannedStep, Settings
from orchestrator.core.step import CreateIndex
from orchestrator.core.step import CreateTable as CreateTableStep
from orchestrator.operations._model import Name, OperationModel, shortened
from orchestrator.operations._table import writable

Action = Literal["no action", "restrict", "cascade", "set null", "set default"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ColumnOf(_Part):
    """``{name: id, type: bigint, identity: true}``; ``generated`` is an expression over the row, which is stored."""

    name: Name
    type: str
    not_null: bool = False
    default: str | None = None
    identity: bool = False
    generated: str | None = None
    comment: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum((self.default is not None, self.identity, self.generated is not None)) > 1:
            raise ValueError(f"{self.name}: default, identity and generated exclude each other")
        return self


class ReferenceOf(_Part):
    """``{columns: [order_id], references: orders}``; ``to`` is left out where the other table's key is meant."""

    columns: list[Name] = Field(min_length=1)
    references: str
    to: list[Name] = []
    on_delete: Action = "no action"
    on_update: Action = "no action"


class CreateTable(OperationModel):
    """``create_table: {table: invoices, columns: [{name: id, type: bigint, identity: true}], primary_key: [id]}``.

    ``unique``, ``checks``, ``foreign_keys`` and ``indexes`` are keyed by the names these get. ``access_like`` names a table
    whose owner and privileges the new one takes over; without it the login owns it, and default privileges apply.
    """

    columns: list[ColumnOf] = Field(min_length=1)
    primary_key: list[Name] = []
    unique: dict[Name, list[Name]] = {}
    checks: dict[Name, str] = {}
    foreign_keys: dict[Name, ReferenceOf] = {}
    indexes: dict[Name, list[Name]] = {}
    comment: str | None = None
    access_like: str | None = None

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        columns = [column.name for column in self.columns]
        if twice := {name for name in columns if columns.count(name) > 1}:
            raise ValueError(f"column {', '.join(sorted(twice))} is there twice")
        named = [*self.primary_key, *(name for group in self._groups() for name in group)]
        if unknown := {name for name in named if name not in columns}:
            raise ValueError(f"there is no column {', '.join(sorted(unknown))} in columns")
        objects = [*self.unique, *self.checks, *self.foreign_keys, *self.indexes]
        if twice := {name for name in objects if objects.count(name) > 1}:
            raise ValueError(f"two things are called {', '.join(sorted(twice))}")
        return self

    def _groups(self) -> Iterator[list[str]]:
        yield from self.unique.values()
        yield from self.indexes.values()
        yield from (reference.columns for reference in self.foreign_keys.values())

    def tables(self) -> tuple[str, ...]:
        """The table, which must not exist yet, and those it refers to."""
        others = [reference.references for reference in self.foreign_keys.values() if not self._is_itself(reference)]
        like = [] if self.access_like is None else [self.access_like]
        return (self.table, *others, *like)

    def types(self) -> tuple[str, ...]:
        """The types of its columns."""
        return tuple(column.type for column in self.columns)

    def questions(self) -> tuple[Question, ...]:
        """Defaults, over nothing; generated columns and checks, over the row."""
        return tuple(question for _, question in self._asked())

    def _asked(self) -> Iterator[tuple[str, Question]]:
        row = tuple((column.name, column.type) for column in self.columns)
        for column in self.columns:
            if column.default is not None:
                yield f"default of {column.name}", Question(self.table, column.default, column.type, assigned=True)
            if column.generated is not None:
                yield f"{column.name}, generated", Question(self.table, column.generated, column.type, extra=row)
        for name, check in self.checks.items():
            yield f"check {name}", Question(self.table, check, "boolean", extra=row)

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """Its name; and that of each index, which is the schema's."""
        return frozenset({(str(catalog.new_table(self.table)), "*")})

    def reads(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The columns that its foreign keys refer to."""
        found = {(str(key.references), name) for key in self._references(catalog) for name in key.to}
        return frozenset(found) - {(str(catalog.new_table(self.table)), column.name) for column in self.columns}

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """One transaction for the table, then each index."""
        for what, question in self._asked():
            error = catalog.fact(question).error
            if error is not None:
                raise PlanRefused(f"{what} of {self.table}: {error}", "correct the expression")
        step = self._step(catalog)
        made = PlannedStep("expand", step, f"create table {step.table}, empty")
        return Draft((made, *self._indexes(step.table)), tuple(self._notes(step.table)))

    def _step(self, catalog: Catalog) -> CreateTableStep:
        table = catalog.new_table(self.table)
        access = None if self.access_like is None else catalog.table(self.access_like).access
        columns = tuple(
            NewColumn(c.name, catalog.type(c.type), self._not_null(c), c.default, c.identity, c.generated, c.comment)
            for c in self.columns
        )
        constraints: list[NewKey | NewCheck | NewReference] = [*self._keys(table)]
        constraints += [NewCheck(name, expression) for name, expression in self.checks.items()]
        constraints += self._references(catalog)
        return CreateTableStep(table, columns, tuple(constraints), self.comment, access)

    def _not_null(self, column: ColumnOf) -> bool:
        return column.not_null or column.identity or column.name in self.primary_key

    def _keys(self, table: TableName) -> Iterator[NewKey]:
        if self.primary_key:
            yield NewKey(shortened(table.name, "_pkey"), tuple(self.primary_key), primary=True)
        for name, columns in self.unique.items():
            yield NewKey(name, tuple(columns))

    def _references(self, catalog: Catalog) -> Iterator[NewReference]:
        for name, key in self.foreign_keys.items():
            if self._is_itself(key):
                yield self._reference(name, key, catalog.new_table(self.table), tuple(self.primary_key))
                continue
            other = catalog.table(key.references)
            writable(other)
            if key.to:
                _unique(other, tuple(key.to))
            yield self._reference(name, key, other.name, () if key.to else _primary(other))

    def _reference(self, name: str, key: ReferenceOf, other: TableName, primary: tuple[str, ...]) -> NewReference:
        to = tuple(key.to) or primary
        if len(to) != len(key.columns):
            raise PlanRefused(
                f"foreign key {name} of {self.table}: {len(key.columns)} columns refer to {len(to)} of {other}",
                "say the columns in to:",
            )
        return NewReference(name, tuple(key.columns), other, to, key.on_delete, key.on_update)

    def _is_itself(self, key: ReferenceOf) -> bool:
        return key.references == self.table

    def _indexes(self, table: TableName) -> Iterator[PlannedStep]:
        for name, columns in self.indexes.items():
            yield PlannedStep("expand", CreateIndex(table, name, tuple(columns)), f"build {name} on {table}")

    def _notes(self, table: TableName) -> Iterator[str]:
        yield f"an abort, which is possible until expand has ended, drops {table} with the rows written to it"
        for name, key in self.foreign_keys.items():
            if key.on_delete in ("no action", "restrict") and not self._is_itself(key):
                yield (
                    f"from expand on, deleting a row of {key.references} to which {table} refers fails (23503, {name}),"
                    " in old versions too; on_delete: cascade or set null avoids that"
                )


def _primary(table: Table) -> tuple[str, ...]:
    for constraint in table.constraints:
        if constraint.kind == "p":
            return constraint.columns
    raise PlanRefused(f"{table.name} has no primary key to refer to", "say in to: which unique columns are meant")


def _unique(table: Table, columns: tuple[str, ...]) -> None:
    for column in columns:
        table.column(column)
    if not any(index.unique and index.valid and set(index.columns) == set(columns) for index in table.indexes):
        raise PlanRefused(
            f"{table.name} has no unique index over {', '.join(columns)}, which a foreign key needs",
            "add_index with unique: true in a change of its own first, or refer to the primary key",
        )


plugin = CreateTable
