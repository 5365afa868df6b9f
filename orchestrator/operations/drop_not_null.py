"""Let a column hold NULL.

New versions may write NULL from expand on, so old versions must cope with reading it; where one cannot, switch NULLs on in
the application after contract. Until then abort forbids NULL again by way of a CHECK that is validated first, and is
refused, naming the rows, while one holds NULL.
"""

from __future__ import annotations

from orchestrator.core.catalog import Catalog, Column, Table
from orchestrator.core.errors import PlanRefused
from orchestrator.core.plan import Draft, PlannedStep, Settings
from orchestrator.core.step import GiveUp, RelaxNotNull
from orchestrator.core.sync import Rule
from orchestrator.operations import _table
from orchestrator.operations._model import Name, OperationModel, at, identity, key_of, shortened


class DropNotNull(OperationModel):
    """``drop_not_null: {table: customers, column: phone}``."""

    column: Name

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The column."""
        return at(catalog, self.table, self.column)

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """DROP NOT NULL in expand; abort is possible until contract."""
        table = catalog.table(self.table)
        column = table.column(self.column)
        _refuse(table, column)
        proof = shortened(column.name, f"_nn_{identity(settings.change_id, table, column.name)[:6]}")
        where = f"{table.name}.{column.name}"
        step = RelaxNotNull(table.name, column.name, proof, Rule("not_null", key_of(table), (column.name,)))
        note = f"from expand on {where} may hold NULL, which old versions may read; abort is refused while a row does"
        last = GiveUp(table.name, f"NOT NULL of {column.name}")
        return Draft(
            (
                PlannedStep("expand", step, f"let {where} hold NULL"),
                PlannedStep("contract", last, f"give up the way back to NOT NULL of {where}"),
            ),
            (note,),
        )


def _refuse(table: Table, column: Column) -> None:
    _table.alone(table, partitioned=True)
    _table.not_in_sync(table, column)
    where = f"{table.name}.{column.name}"
    if not column.not_null:
        raise PlanRefused(f"{where} may hold NULL already", "leave the operation out")
    if column.identity:
        raise PlanRefused(f"{where} is an identity column, which is never NULL", "ALTER COLUMN … DROP IDENTITY first")
    if any(c.kind == "p" and not c.inbound and column.name in c.columns for c in table.constraints):
        raise PlanRefused(
            f"{where} is part of the primary key, which is never NULL", "drop_constraint the primary key first"
        )
    for index in table.indexes:
        if index.replica_identity and column.name in index.columns:
            raise PlanRefused(
                f"{where} is part of {index.name}, by which subscribers are told of rows: it is never NULL",
                "ALTER TABLE … REPLICA IDENTITY by another index, or FULL, first",
            )


plugin = DropNotNull
