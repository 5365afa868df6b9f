"""Rename a column by copying it into a new one that is kept equal in both directions.

Old application versions go on with the old name, new ones use the new name, both may write at the same time, and the old
column is parked, not dropped, at contract.
"""

from __future__ import annotations

from orchestrator.core.catalog import Catalog
from orchestrator.core.plan import Draft, Settings
from orchestrator.operations._copy import Copy, draft, preconditions
from orchestrator.operations._model import Name, OperationModel, identity, new_column


class RenameColumn(OperationModel):
    """``rename_column: {table: orders, column: email, to: customer_email}``."""

    column: Name
    to: Name

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """Both columns."""
        table = str(catalog.table(self.table).name)
        return frozenset({(table, self.column), (table, self.to)})

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """Copy, keep in sync, fill, switch, park."""
        table = catalog.table(self.table)
        column = table.column(self.column)
        preconditions(table, column)
        new_column(table, self.to)
        copy = Copy(
            table=table,
            old=column,
            new=self.to,
            new_type=column.type,
            sync_id=identity(settings.change_id, table, self.column),
            settings=settings,
            subscribes=catalog.subscribes,
            default=column.default,
        )
        return draft(copy, ())


plugin = RenameColumn
