"""Give a column another default for rows to come; rows that are there keep what they hold.

Where old versions may leave the column out (it has a default, or may be NULL), they go on getting what they got until
contract, and new versions name the column until then. A NOT NULL column without a default gets its one in expand, since no
version can have left it out. The lock is ACCESS EXCLUSIVE for a change in the catalog, no row is read.
"""

from __future__ import annotations

from orchestrator.core.asked import Question
from orchestrator.core.catalog import Catalog
from orchestrator.core.errors import PlanRefused
from orchestrator.core.plan import Draft, Settings
from orchestrator.operations import _default
from orchestrator.operations._model import Name, OperationModel, at


class SetDefault(OperationModel):
    """``set_default: {table: orders, column: status, default: "'open'"}``."""

    column: Name
    default: str

    def questions(self) -> tuple[Question, ...]:
        """The default must be of the column's type."""
        return (self._question(),)

    def _question(self) -> Question:
        return Question(self.table, self.default, f"%{self.column}", assigned=True)

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The column: a copy would take the old default over."""
        return at(catalog, self.table, self.column)

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """One statement, in expand or contract."""
        table = catalog.table(self.table)
        column = table.column(self.column)
        fact = catalog.fact(self._question())
        if fact.error is not None or fact.columns:
            reason = fact.error or f"it reads {', '.join(fact.columns)}"
            raise PlanRefused(
                f"default of {table.name}.{self.column}: {reason}", "give an expression that names no column"
            )
        return _default.draft(table, column, self.default)


plugin = SetDefault
