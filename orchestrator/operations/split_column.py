"""Split a column into several, which are kept equal to it in both directions: a name into first and last name.

Old versions go on with the one column, new versions use the others, both may write at the same time. ``up`` makes each new
column of the old one, ``down`` makes the old one of the new ones. The new columns count as a whole: a row of which one is
written is written, and is not filled; a new column may be NULL where the old one says nothing about it. The old column is
parked, not dropped, at contract. A value that does not convert never fails an application's write: all columns of the other
side become NULL, the row is recorded, and switch and undo wait for it.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.core.asked import Question
from orchestrator.core.catalog import Catalog
from orchestrator.core.plan import Draft, Settings
from orchestrator.operations._model import Name, OperationModel, identity
from orchestrator.operations._regroup import Regroup, Wanted


class NewPart(BaseModel):
    """One new column. ``not_null`` and ``default`` hold from contract on."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    type: str
    up: str
    not_null: bool = False
    default: str | None = None


class SplitColumn(OperationModel):
    """``split_column: {table: customers, column: name, into: {first: {type: text, up: …}, last: {…}}, down: "first || last"}``.

    Each new column has ``type`` and ``up``, and may have ``not_null`` and ``default``, which hold from contract on.
    ``down: none`` says that nothing leads back.
    """

    column: Name
    into: Annotated[dict[Name, NewPart], Field(min_length=2)]
    down: str

    def types(self) -> tuple[str, ...]:
        """Those of the new columns."""
        return tuple(part.type for part in self.into.values())

    def questions(self) -> tuple[Question, ...]:
        """All conversions, and the new defaults."""
        return self._regroup().questions()

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The column and the new ones."""
        return self._regroup().touches(catalog)

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """Add, keep in sync, fill, switch, park."""
        sync_id = identity(settings.change_id, catalog.table(self.table), self.column)
        return self._regroup().draft(catalog, settings, sync_id)

    def _regroup(self) -> Regroup:
        news = (Wanted(name, new.type, new.up, new.not_null, new.default) for name, new in self.into.items())
        down = None if self.down == "none" else ((self.column, self.down),)
        return Regroup(self.table, (self.column,), tuple(news), down)


plugin = SplitColumn
