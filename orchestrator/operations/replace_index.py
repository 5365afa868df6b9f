"""Build an index anew, with other keys, columns, rows or method, or as it was, without blocking reads or writes.

The new one is built concurrently in expand, under another name, with the comment, tablespace and storage parameters of the old
one. Contract lets both trade names in one transaction; undo trades them back until purge drops the old one concurrently. What
is left out stays as it is; with nothing but the name the index is rebuilt.

Of a partitioned table the new one is built partition by partition; the trade of names concerns the index of the whole table, and
the old one is dropped from all partitions at once (see drop_index).
"""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from orchestrator.core.asked import Question
from orchestrator.core.catalog import Catalog, Index, Table
from orchestrator.core.errors import PlanRefused
from orchestrator.core.plan import Draft, PhaseName, PlannedStep, Settings
from orchestrator.core.step import Step, SwapIndex
from orchestrator.operations import _constraint, _table
from orchestrator.operations._index import Asked, Keys, build_words, built, dropped
from orchestrator.operations._model import Name, OperationModel, at, identity, shortened


class ReplaceIndex(OperationModel):
    """``replace_index: {table: orders, index: by_status, columns: [status, created_at], include: [note]}``.

    Keys are as in ``add_index``. Without ``columns`` nothing else may be given, and the index is built as it was.
    """

    index: Name
    columns: Keys | None = Field(default=None, min_length=1)
    where: str | None = None
    include: list[Name] = []
    method: Name = "btree"

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.columns is None and self.model_fields_set - {"table", "index", "columns"}:
            raise ValueError(
                "say the whole of the new index, its columns, too; or nothing but its name, to build it anew"
            )
        return self

    @model_serializer(mode="wrap")
    def _said(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Nothing but the name where nothing but the name was said: defaults filled in would be refused when read again."""
        found: dict[str, Any] = whole(self)
        return found if self.columns is not None else {"table": self.table, "index": self.index}

    def _asked(self) -> Asked:
        return Asked(self.table, self.columns or (), self.include, self.where, self.method)

    def questions(self) -> tuple[Question, ...]:
        """Its expressions, and its condition."""
        return tuple(self._asked().questions())

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The index only."""
        return at(catalog, self.table, f"index {self.index}")

    def reads(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The columns of the old index and of the new one."""
        old = _constraint.index_of(catalog.table(self.table), self.index)
        return super().reads(catalog) | at(catalog, self.table, *old.columns, *self._asked().columns())

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """Build in expand, trade names in contract, drop at purge."""
        table = catalog.table(self.table)
        _table.writable(table, partitioned=True)
        old = _constraint.index_of(table, self.index)
        _refuse(table, old)
        self._asked().check(catalog, old.name)
        mark = identity(settings.change_id, table, f"index {old.name}")[:6]
        new, parked = shortened(old.name, f"_new_{mark}"), shortened(old.name, f"_parked_{mark}")
        build = self._build(table, old, new)
        swap = SwapIndex(table.name, old.name, new, parked)
        drop = dropped(table, parked, old.definition, old.extras)
        phase: PhaseName = "purge" if settings.park > 0 else "contract"
        return Draft(
            (
                PlannedStep("expand", build, build_words(table, new)),
                PlannedStep("contract", swap, f"let {new} take the name {old.name}; the old one becomes {parked}"),
                PlannedStep(phase, drop, f"drop {parked}" + ("" if table.partitioning else " concurrently")),
            ),
            (f"from expand until purge, writes to {table.name} maintain both {old.name} and its replacement",),
        )

    def _build(self, table: Table, old: Index, new: str) -> Step:
        if self.columns is None:
            return built(table, new, old.definition, old.extras)
        asked = self._asked()
        same = f" USING {self.method} " in old.definition
        options = old.options if same else ()
        definition = Asked(self.table, asked.keys, asked.include, asked.where, asked.method, options=options)
        extras = type(old.extras)(old.extras.comment, old.extras.tablespace)
        return built(table, new, definition.definition(table, new), extras)


def _refuse(table: Table, old: Index) -> None:
    if old.constraint is not None:
        raise PlanRefused(
            f"index {old.name} belongs to the constraint {old.constraint}",
            "add_unique under another name, let versions move over, then drop_constraint the old one",
        )
    if old.unique:
        raise PlanRefused(
            f"{old.name} of {table.name} is unique: what conflicts is decided by one index at a time (ON CONFLICT)",
            "add_index the new one under another name, then drop_index the old one by a change after it",
        )


plugin = ReplaceIndex
