"""Build an index without blocking writes (CREATE INDEX CONCURRENTLY); an invalid leftover is dropped and built again."""

from __future__ import annotations

from pydantic import Field

from orchestrator.core.catalog import Catalog, Question
from orchestrator.core.errors import PlanRefused
from orchestrator.core.plan import Draft, PlannedStep, Settings
from orchestrator.core.step import CreateIndex
from orchestrator.operations._model import Name, OperationModel, checked, shortened
from orchestrator.operations._table import writable


class AddIndex(OperationModel):
    """``add_index: {table: orders, columns: [status], where: status <> 'done'}``."""

    columns: list[Name] = Field(min_length=1)
    name: Name | None = None
    unique: bool = False
    where: str | None = None
    include: list[Name] = []
    method: Name = "btree"

    def questions(self) -> tuple[Question, ...]:
        """The predicate must be a boolean expression over the row."""
        return () if self.where is None else (Question(self.table, self.where, "boolean"),)

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The index only: two operations may index one column, but not under one name."""
        return frozenset({(str(catalog.table(self.table).name), f"index {self._name(catalog)}")})

    def reads(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """What it indexes, includes and restricts itself to."""
        table = str(catalog.table(self.table).name)
        return super().reads(catalog) | {(table, name) for name in (*self.columns, *self.include)}

    def _name(self, catalog: Catalog) -> str:
        head = "_".join((catalog.table(self.table).name.name, *self.columns))
        return self.name or shortened(head, "_idx")

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """One concurrent build, in expand."""
        table = catalog.table(self.table)
        writable(table)
        for column in (*self.columns, *self.include):
            table.column(column)
        name = self._name(catalog)
        if any(index.name == name for index in table.indexes):
            raise PlanRefused(f"an index {name} already exists on {table.name}", "choose another name:")
        if self.where is not None:
            question = Question(self.table, self.where, "boolean")
            checked(catalog, question, what=f"where of index {name}", synced=False)
        step = CreateIndex(
            table.name, name, tuple(self.columns), tuple(self.include), self.method, self.unique, self.where
        )
        notes = (f"{name} is unique: duplicates make the build fail and are then named",) if self.unique else ()
        return Draft((PlannedStep("expand", step, f"build {name} on {table.name} concurrently"),), notes)


plugin = AddIndex
