"""Give a column another type, in a new column that is kept equal by ``up`` and ``down``.

A value that does not convert never fails the application's write: the other side becomes NULL and the row is recorded, and
switch and undo wait for it. The new column has a new name (``to``), because swapping names under prepared statements fails
them.
"""

from __future__ import annotations

from orchestrator.core.asked import Question
from orchestrator.core.catalog import Catalog, Column, Table
from orchestrator.core.errors import PlanRefused
from orchestrator.core.plan import Draft, Settings
from orchestrator.core.sync import Conversion
from orchestrator.operations import _table
from orchestrator.operations._copy import Copy, draft, preconditions
from orchestrator.operations._model import Name, OperationModel, checked, checked_default, identity, new_column


class ChangeType(OperationModel):
    """``change_type: {table: orders, column: quantity, to: quantity_big, type: bigint}``.

    ``up`` and ``down`` default to a plain cast; ``down: none`` says that nothing leads back.
    """

    column: Name
    to: Name
    type: str
    up: str | None = None
    down: str | None = None
    default: str | None = None

    def types(self) -> tuple[str, ...]:
        """The new type."""
        return (self.type,)

    def questions(self) -> tuple[Question, ...]:
        """Both conversions, and the new default."""
        asked = [self._up_question()]
        if self.down != "none":
            asked.append(self._down_question())
        if self.default is not None:
            asked.append(self._default_question())
        return tuple(asked)

    def _default_question(self) -> Question:
        return Question(self.table, self.default, self.type, assigned=True)

    def _up_question(self) -> Question:
        return Question(self.table, self.up, self.type, self.column)

    def _down_question(self) -> Question:
        return Question(self.table, self.down, f"%{self.column}", self.to, ((self.to, self.type),))

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """Both columns."""
        table = str(catalog.table(self.table).name)
        return frozenset({(table, self.column), (table, self.to)})

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """Copy through ``up``, keep in sync, fill, switch, park."""
        table = catalog.table(self.table)
        column = table.column(self.column)
        preconditions(table, column)
        _table.may_be_null(catalog, table, column)
        new_column(table, self.to)
        self._null_stays(catalog, table, column)
        if column.default is not None and self.default is None:
            raise PlanRefused(
                f"{table.name}.{self.column} has the default {column.default}; the new column's is not said",
                f"add default: with an expression of type {self.type}",
            )
        if self.default is not None:
            checked_default(catalog, self._default_question(), what=f"{table.name}.{self.to}")
        sync_id = identity(settings.change_id, table, self.column)
        copy = Copy(
            table=table,
            old=column,
            new=self.to,
            new_type=catalog.type(self.type),
            sync_id=sync_id,
            settings=settings,
            subscribes=catalog.subscribes,
            default=self.default,
            up=self._up(catalog, table, sync_id),
            down=None if self.down == "none" else self._down(catalog, column, sync_id),
            reversible=self.down != "none",
        )
        return draft(copy, ())

    def _null_stays(self, catalog: Catalog, table: Table, column: Column) -> None:
        """Where no row may hold NULL, none that was written can be taken for one that was left out."""
        if column.not_null:
            return
        _table.null_stays(catalog, table, self._up_question(), f"up of {table.name}.{self.column}")
        if self.down != "none":
            _table.null_stays(catalog, table, self._down_question(), f"down of {table.name}.{self.to}")

    def _up(self, catalog: Catalog, table: Table, sync_id: str) -> Conversion:
        what = f"up of {table.name}.{self.column}"
        arguments = checked(catalog, self._up_question(), what=what, synced=True)
        _only(arguments[0].name if len(arguments) == 1 else None, self.column, what)
        return Conversion(f"up_{sync_id}", self.up, arguments, catalog.type(self.type))

    def _down(self, catalog: Catalog, old: Column, sync_id: str) -> Conversion:
        what = f"down of {self.table}.{self.to}"
        arguments = checked(catalog, self._down_question(), what=what, synced=True)
        _only(arguments[0].name if len(arguments) == 1 else None, self.to, what)
        return Conversion(f"down_{sync_id}", self.down, arguments, old.type)


def _only(found: str | None, wanted: str, what: str) -> None:
    if found != wanted:
        raise PlanRefused(
            f"{what} must read the column {wanted} and no other",
            f"give an expression over {wanted} alone; merge_columns makes one column of several",
        )


plugin = ChangeType
