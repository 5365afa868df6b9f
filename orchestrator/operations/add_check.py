"""Hold every row to a condition (CHECK), without scanning the table under a strong lock.

An old version's write might break it, so it comes in contract: NOT VALID for new rows (ACCESS EXCLUSIVE for a change in the
catalog), then validated beside reads and writes. The contract gate names the rows that break it by key and waits for them.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.core.asked import Question
from orchestrator.core.catalog import Catalog
from orchestrator.core.plan import Draft, Settings
from orchestrator.core.sync import Rule
from orchestrator.operations import _constraint, _table
from orchestrator.operations._model import Name, OperationModel, at, checked, key_of, shortened


class AddCheck(OperationModel):
    """``add_check: {table: orders, check: quantity > 0, name: orders_quantity_positive}``.

    Without ``name`` it is called as PostgreSQL would: ``orders_quantity_check``.
    """

    check: str
    name: Name | None = None

    def questions(self) -> tuple[Question, ...]:
        """The condition must be a boolean expression over the row."""
        return (self._question(),)

    def _question(self) -> Question:
        return Question(self.table, self.check, "boolean")

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The constraint only."""
        return at(catalog, self.table, f"constraint {self._name(catalog)}")

    def _name(self, catalog: Catalog) -> str:
        return self.name or _named(catalog.table(self.table).name.name, catalog.fact(self._question()).columns)

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """NOT VALID, then VALIDATE, in contract."""
        table = catalog.table(self.table)
        _table.alone(table, partitioned=True)
        name = self._name(catalog)
        _constraint.free_name(table, name)
        checked(catalog, self._question(), what=f"check {name} of {table.name}", synced=True)
        rule = Rule("check", key_of(table), condition=self.check)
        steps = _constraint.added(table, name, f"CHECK (\n{self.check}\n)", rule)
        return Draft(tuple(steps), _constraint.notes(table, name, "23514"))


def _named(table: str, columns: Sequence[str]) -> str:
    return shortened("_".join((table, *columns) if len(columns) == 1 else (table,)), "_check")


plugin = AddCheck
