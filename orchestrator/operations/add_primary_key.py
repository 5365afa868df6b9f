"""Give a table its primary key, without blocking writes.

Columns that may be NULL are proved not to be and set NOT NULL first; then a unique index is built concurrently and made the
primary key (ACCESS EXCLUSIVE for a change in the catalog, no scan). An old version's write might break it, so all of it comes
in contract, whose gate names the rows that are there twice or NULL and waits for them.

Of a partitioned table the columns must hold those it is partitioned by. Each partition's index is built concurrently, made its
primary key, and attached to that of the whole table, which stands with the last of them; each is locked for a change in the
catalog, one at a time. A partition that has a primary key of its own is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from orchestrator.core.catalog import Catalog, Table
from orchestrator.core.errors import PlanRefused
from orchestrator.core.plan import Draft, PlannedStep, Settings
from orchestrator.operations import _constraint, _table
from orchestrator.operations._copy import not_null
from orchestrator.operations._model import Name, OperationModel, at, identity, shortened


class AddPrimaryKey(OperationModel):
    """``add_primary_key: {table: visits, columns: [shop, number]}``.

    Without ``name`` it is called as PostgreSQL would: ``visits_pkey``.
    """

    columns: list[Name] = Field(min_length=1)
    name: Name | None = None

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The key with its index, and the columns, which become NOT NULL."""
        name = self._name(catalog)
        return at(catalog, self.table, f"constraint {name}", f"index {name}", *self.columns)

    def _name(self, catalog: Catalog) -> str:
        return self.name or shortened(catalog.table(self.table).name.name, "_pkey")

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """NOT NULL, the index, the key, in contract."""
        table = catalog.table(self.table)
        _table.alone(table, partitioned=True)
        for each in table.constraints:
            if each.kind == "p" and not each.inbound:
                raise PlanRefused(f"{table.name} has the primary key {each.name} already", "drop_constraint it first")
        _none_in_partitions(table)
        name = self._name(catalog)
        _constraint.free_name(table, name)
        steps = (*self._not_null(table, settings), *_constraint.key(table, name, self.columns, primary=True))
        return Draft(steps, _constraint.notes(table, name, "23505, 23502"))

    def _not_null(self, table: Table, settings: Settings) -> Iterator[PlannedStep]:
        for name in self.columns:
            column = table.column(name)
            _table.not_in_sync(table, column)
            if not column.not_null:
                proof = shortened(name, f"_nn_{identity(settings.change_id, table, name)[:6]}")
                yield from not_null(table, name, proof, "contract")


def _none_in_partitions(table: Table) -> None:
    for partition in table.partitioning.partitions if table.partitioning else ():
        keys = [own.name for own in partition.own if own.kind == "primary key"]
        if keys:
            raise PlanRefused(
                f"partition {partition.name} has a primary key of its own, {keys[0]}, and no table has two",
                "ALTER TABLE … DROP CONSTRAINT it there first, after add_index with unique: true where rows are found by it",
            )


plugin = AddPrimaryKey
