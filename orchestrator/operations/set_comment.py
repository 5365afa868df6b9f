"""Give a table or a column a comment, or take it away.

Expand sets it and abort puts back what was there. An empty text takes the comment away, as PostgreSQL itself has it. Nothing
waits: COMMENT blocks neither reads nor writes.
"""

from __future__ import annotations

from orchestrator.core.catalog import Catalog
from orchestrator.core.errors import PlanRefused
from orchestrator.core.plan import Draft, PlannedStep, Settings
from orchestrator.core.step import SetComment as SetCommentStep
from orchestrator.operations._model import Name, OperationModel, at

_TABLES = "rp"


class SetComment(OperationModel):
    """``set_comment: {table: orders, column: email, comment: where the receipt goes}``.

    Without ``column`` the comment is the table's.
    """

    column: Name | None = None
    comment: str

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The comment only: another operation may change the column."""
        return at(catalog, self.table, f"comment on {self.column or 'the table'}")

    def reads(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The column: none that is taken away."""
        return at(catalog, self.table, *([self.column] if self.column else []))

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """One statement, in expand."""
        table = catalog.table(self.table)
        if table.kind not in _TABLES:
            raise PlanRefused(f"{table.name} is not a table", "COMMENT ON it by hand; nothing can go wrong there")
        previous = table.comment if self.column is None else table.column(self.column).comment
        step = SetCommentStep(table.name, self.column, self.comment or None, previous)
        where = str(table.name) if self.column is None else f"{table.name}.{self.column}"
        return Draft((PlannedStep("expand", step, f"comment on {where}"),))


plugin = SetComment
