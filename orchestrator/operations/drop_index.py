"""Drop an index without blocking reads or writes (DROP INDEX CONCURRENTLY).

Old versions may rely on it, so it goes in contract. Until purge, undo builds it again, as concurrently, with its comment,
tablespace and statistics targets. An index of a key goes with it: drop_constraint.

An index of a partitioned table cannot be dropped concurrently (nor in parts: one partition's belongs to the whole). It goes with
those of all partitions in one short transaction, under ACCESS EXCLUSIVE on the table and its partitions: the wait for these locks
is 300 ms at most, all in all, and is tried again. Built again, the partitions' indexes get new names.
"""

from __future__ import annotations

from orchestrator.core.catalog import Catalog, Index, Table
from orchestrator.core.errors import PlanRefused
from orchestrator.core.plan import Draft, PlannedStep, Settings
from orchestrator.operations import _constraint, _table
from orchestrator.operations._index import dropped
from orchestrator.operations._model import Name, OperationModel, at


class DropIndex(OperationModel):
    """``drop_index: {table: orders, index: orders_status_idx}``."""

    index: Name

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The index only."""
        return at(catalog, self.table, f"index {self.index}")

    def reads(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """Its columns: a copy of one would bring a twin of the index along."""
        table = catalog.table(self.table)
        return at(catalog, self.table, *_constraint.index_of(table, self.index).columns)

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """Drop it in contract; the way back ends at purge."""
        table = catalog.table(self.table)
        _table.writable(table, partitioned=True)
        index = _constraint.index_of(table, self.index)
        _refuse(table, index)
        step = dropped(table, index.name, index.definition, index.extras)
        how = "from all partitions at once" if table.partitioning else "concurrently"
        drop = PlannedStep("contract", step, f"drop {index.name} of {table.name} {how}")
        notes = _constraint.last_notes(settings, f"index {index.name}", index.definition)
        return Draft((drop, *_constraint.last(table, f"index {index.name}", settings)), notes)


def _refuse(table: Table, index: Index) -> None:
    if index.constraint is not None:
        raise PlanRefused(
            f"index {index.name} belongs to the constraint {index.constraint}",
            f"drop_constraint: {{table: {table.name}, constraint: {index.constraint}}}",
        )
    if index.unique:
        _constraint.not_relied_on(table, index.name, index.replica_identity)


plugin = DropIndex
