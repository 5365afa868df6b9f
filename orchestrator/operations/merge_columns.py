"""Merge several columns into one, which is kept equal to them in both directions: first and last name into a name.

Old versions go on with their columns, new versions use the one, both may write at the same time. ``up`` makes the new column of
the old ones, ``down`` makes each old one of the new one. The old columns count as a whole: where a new value does not convert,
all of them become NULL, the row is recorded, and undo waits for it; no application's write fails for that. They are parked
together, not dropped, at contract.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from orchestrator.core.asked import Question
from orchestrator.core.catalog import Catalog
from orchestrator.core.plan import Draft, Settings
from orchestrator.operations._model import Name, OperationModel, identity, mapping_or_none
from orchestrator.operations._regroup import Regroup, Wanted


class MergeColumns(OperationModel):
    """``merge_columns: {table: customers, columns: [first, last], to: name, type: text, up: …, down: {first: …, last: …}}``.

    ``down: none`` says that nothing leads back. ``not_null`` and ``default`` hold from contract on.
    """

    columns: Annotated[tuple[Name, ...], Field(min_length=2, strict=False)]
    to: Name
    type: str
    up: str
    down: Annotated[dict[Name, str] | Literal["none"], BeforeValidator(mapping_or_none)]
    not_null: bool = False
    default: str | None = None

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("a column stands twice in columns")
        if isinstance(self.down, dict) and set(self.down) != set(self.columns):
            raise ValueError("down needs an expression for each of columns, and for no other")
        return self

    def types(self) -> tuple[str, ...]:
        """That of the new column."""
        return (self.type,)

    def questions(self) -> tuple[Question, ...]:
        """All conversions, and the new default."""
        return self._regroup().questions()

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The columns and the new one."""
        return self._regroup().touches(catalog)

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """Add, keep in sync, fill, switch, park."""
        sync_id = identity(settings.change_id, catalog.table(self.table), "\x1f".join(self.columns))
        return self._regroup().draft(catalog, settings, sync_id)

    def _regroup(self) -> Regroup:
        new = Wanted(self.to, self.type, self.up, self.not_null, self.default)
        down = tuple((column, self.down[column]) for column in self.columns) if isinstance(self.down, dict) else None
        return Regroup(self.table, self.columns, (new,), down)


plugin = MergeColumns
