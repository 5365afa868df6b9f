"""Take a column's default away for rows to come; rows that are there keep what they hold.

Old versions may rely on it, so it goes in contract. Where the column is NOT NULL, every version must name it from then on.
The lock is ACCESS EXCLUSIVE for a change in the catalog, no row is read.
"""

from __future__ import annotations

from orchestrator.core.catalog import Catalog
from orchestrator.core.errors import PlanRefused
from orchestrator.core.plan import Draft, Settings
from orchestrator.operations import _default
from orchestrator.operations._model import Name, OperationModel, at


class DropDefault(OperationModel):
    """``drop_default: {table: orders, column: status}``."""

    column: Name

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The column."""
        return at(catalog, self.table, self.column)

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """One statement, in contract."""
        table = catalog.table(self.table)
        column = table.column(self.column)
        drafted = _default.draft(table, column, None)
        if column.default is None:
            raise PlanRefused(f"{table.name}.{self.column} has no default", "leave the operation out")
        return drafted


plugin = DropDefault
