"""Rename a column: by copying it into a new one that is kept equal in both directions, or by views, without a copy.

Old application versions go on with the old name, new ones use the new name, and both may write at the same time. By copy, the
old column is parked, not dropped, at contract.

With `switch_reads: {by: views}` no row is touched: expand makes a schema for the new version with an updatable view of the
table, in which the column has its new name, and the new version puts that schema first in its `search_path`. Contract renames
the column itself, the view goes on working, and purge drops the view: the table behind it has the new name by then. Columns
that are unique, referenced, an identity, generated, or named by views and policies can be renamed so. By views it is refused
before PostgreSQL 15, where a view is read with its owner's rights.
"""

from __future__ import annotations

from orchestrator.core.catalog import Catalog
from orchestrator.core.plan import Draft, Settings
from orchestrator.operations import _view
from orchestrator.operations._copy import Copy, draft, preconditions
from orchestrator.operations._model import Name, OperationModel, at, identity, new_column


class RenameColumn(OperationModel):
    """``rename_column: {table: orders, column: email, to: customer_email}``."""

    column: Name
    to: Name

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """Both columns."""
        table = str(catalog.table(self.table).name)
        return frozenset({(table, self.column), (table, self.to)})

    def reads(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """By views, every column: the view shows them all, and another change must not take one from below it."""
        if catalog.views is None:
            return frozenset()
        return at(catalog, self.table, *(column.name for column in catalog.table(self.table).columns))

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """Copy, keep in sync, fill, switch, park; or a view, the switch, and the rename below it."""
        table = catalog.table(self.table)
        column = table.column(self.column)
        if settings.views is not None:
            return _view.draft(catalog, table, self.column, self.to, settings.views, settings)
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
