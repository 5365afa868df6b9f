"""Build an index without blocking writes (CREATE INDEX CONCURRENTLY); an invalid leftover is dropped and built again.

Keys are columns or expressions, with an operator class, a collation or an order if wanted; it may carry columns along, cover
some rows only, and be of any method. It is built in expand. A unique one could break an old version's write, so it is built in
contract, whose gate names rows that are there twice by key and waits for them.

On a partitioned table every partition gets it by itself, concurrently, those that are created or attached meanwhile too; what
locks the whole table reads no row. A unique one must have the columns by which the table is partitioned. Taking it back cannot
be concurrent: it locks the table with all partitions (ACCESS EXCLUSIVE) for a change in the catalog.
"""

from __future__ import annotations

from pydantic import Field

from orchestrator.core.asked import Question
from orchestrator.core.catalog import Catalog, Table
from orchestrator.core.plan import Draft, PlannedStep, Settings
from orchestrator.core.sync import Rule
from orchestrator.operations import _constraint, _table
from orchestrator.operations._index import Asked, Key, Keys, build_words, built
from orchestrator.operations._model import Name, OperationModel, at, key_of, shortened


class AddIndex(OperationModel):
    """``add_index: {table: orders, columns: [status, {expression: lower(email), order: desc}], where: status <> 'done'}``.

    A key is a column, or ``{column: …}`` or ``{expression: …}`` with ``opclass``, ``collation``, ``order`` (asc, desc) and
    ``nulls`` (first, last). Without ``name`` it is called as PostgreSQL would.
    """

    columns: Keys = Field(min_length=1)
    name: Name | None = None
    unique: bool = False
    where: str | None = None
    include: list[Name] = []
    method: Name = "btree"

    def _asked(self) -> Asked:
        return Asked(self.table, self.columns, self.include, self.where, self.method, self.unique)

    def questions(self) -> tuple[Question, ...]:
        """Its expressions, and its condition."""
        return tuple(self._asked().questions())

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The index only: two operations may index one column, but not under one name."""
        return at(catalog, self.table, f"index {self._name(catalog)}")

    def reads(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """What it indexes, includes and restricts itself to."""
        return super().reads(catalog) | at(catalog, self.table, *self._asked().columns())

    def _name(self, catalog: Catalog) -> str:
        keys = (key if isinstance(key, str) else key.column or "expr" for key in self.columns)
        return self.name or shortened("_".join((catalog.table(self.table).name.name, *keys)), "_idx")

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """One concurrent build, in expand; in contract where it is unique."""
        table = catalog.table(self.table)
        _table.writable(table, partitioned=True)
        name = self._name(catalog)
        _constraint.free_name(table, name)
        self._asked().check(catalog, name)
        if self.unique:
            _constraint.unique_in_partitions(table, [key for key in self.columns if isinstance(key, str)], name)
        definition = self._asked().definition(table, name)
        step = built(table, name, definition, rule=self._rule(table) if self.unique else None)
        planned = PlannedStep("contract" if self.unique else "expand", step, build_words(table, name))
        return Draft((planned,), _constraint.notes(table, name, "23505", "drop_index") if self.unique else ())

    def _rule(self, table: Table) -> Rule | None:
        """Rows are compared by columns; by an expression only the build itself can tell."""
        if any(isinstance(key, Key) for key in self.columns):
            return None
        return Rule("unique", key_of(table), tuple(str(key) for key in self.columns), self.where)


plugin = AddIndex
