"""Let no two rows have the same columns (UNIQUE), without blocking writes.

An old version's write might break it, so it comes in contract: the index is built concurrently, and refuses duplicates from
its build on; then the constraint is made of it (ACCESS EXCLUSIVE for a change in the catalog). The contract gate names rows
that are there twice by key and waits for them. NULLs are not the same.

Of a partitioned table the columns must hold those it is partitioned by. Each partition's index is built concurrently, made a
constraint of it, and attached to that of the whole table, which stands with the last of them; each is locked for a change in the
catalog, one at a time.
"""

from __future__ import annotations

from pydantic import Field

from orchestrator.core.catalog import Catalog
from orchestrator.core.plan import Draft, Settings
from orchestrator.operations import _constraint, _table
from orchestrator.operations._model import Name, OperationModel, at, shortened


class AddUnique(OperationModel):
    """``add_unique: {table: customers, columns: [email], name: customers_email_key}``.

    Without ``name`` it is called as PostgreSQL would. ``include`` are columns that the index carries along.
    """

    columns: list[Name] = Field(min_length=1)
    include: list[Name] = []
    name: Name | None = None

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The constraint, and the index of the same name."""
        name = self._name(catalog)
        return at(catalog, self.table, f"constraint {name}", f"index {name}")

    def reads(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """Its columns."""
        return at(catalog, self.table, *self.columns, *self.include)

    def _name(self, catalog: Catalog) -> str:
        return self.name or shortened("_".join((catalog.table(self.table).name.name, *self.columns)), "_key")

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """Build the index, make the constraint of it, in contract."""
        table = catalog.table(self.table)
        _table.alone(table, partitioned=True)
        name = self._name(catalog)
        _constraint.free_name(table, name)
        steps = _constraint.key(table, name, self.columns, self.include)
        return Draft(tuple(steps), _constraint.notes(table, name, "23505"))


plugin = AddUnique
