"""Drop a column that no version needs any more: parked first, dropped at purge.

While old versions still read it, rows written by new versions get ``down`` (an expression over the row) in it. A NOT NULL
column without default needs ``down``, since new versions do not name it.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.core.asked import Question
from orchestrator.core.catalog import Catalog, Column, Table
from orchestrator.core.errors import PlanRefused
from orchestrator.core.parkstep import ParkColumn
from orchestrator.core.plan import Draft, PlannedStep, Settings
from orchestrator.core.step import InstallSync, SwitchReads
from orchestrator.core.sync import Conversion, Fill
from orchestrator.operations import _table
from orchestrator.operations._copy import parking
from orchestrator.operations._model import (
    Name,
    OperationModel,
    checked,
    identity,
    key_of,
    trigger_name,
)


class DropColumn(OperationModel):
    """``drop_column: {table: orders, column: note, down: "''"}``."""

    column: Name
    down: str | None = None

    def questions(self) -> tuple[Question, ...]:
        """What old versions shall read."""
        return () if self.down is None else (self._question(),)

    def _question(self) -> Question:
        return Question(self.table, self.down, f"%{self.column}")

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The column."""
        return frozenset({(str(catalog.table(self.table).name), self.column)})

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """Fill for old readers, switch, park, purge."""
        table = catalog.table(self.table)
        column = table.column(self.column)
        _refuse(table, column, self.down)
        domain = catalog.domain(column.type)
        if domain is not None and domain.demands and not _filled_by_itself(column):
            raise PlanRefused(
                f"the domain {column.type} of {table.name}.{column.name} demands a value before any trigger could give one:"
                " INSERTs of versions that no longer name the column fail",
                "ALTER TABLE … ALTER COLUMN … SET DEFAULT a value for old versions to read",
            )
        fill = None if self.down is None else self._fill(catalog, table, column, settings)
        return Draft(tuple(_steps(table, column, fill, settings)), tuple(_notes(table, column, fill)))

    def _fill(self, catalog: Catalog, table: Table, column: Column, settings: Settings) -> Fill:
        sync_id = identity(settings.change_id, table, column.name)
        what = f"down of {table.name}.{column.name}"
        arguments = checked(catalog, self._question(), what=what, synced=False)
        if column.name in {argument.name for argument in arguments}:
            raise PlanRefused(
                f"{what} may not read the column itself: it is empty where a writer leaves it out",
                "compute it from other columns, or give a constant",
            )
        return Fill(
            id=sync_id,
            change_id=settings.change_id,
            table=table.name,
            column=column.name,
            type=column.type,
            key=key_of(table),
            trigger=trigger_name(table, sync_id),
            value=Conversion(f"fill_{sync_id}", self.down, arguments, column.type),
            required=column.not_null,
            always=catalog.subscribes,
        )


def _steps(table: Table, column: Column, fill: Fill | None, settings: Settings) -> Iterator[PlannedStep]:
    where = f"{table.name}.{column.name}"
    if fill is not None:
        yield PlannedStep("expand", InstallSync(fill), f"fill {where} for old readers where a writer leaves it out")
    yield PlannedStep(
        "switch_reads", SwitchReads(settings.change_id), f"reads_new answers true: nothing reads {where} any more"
    )
    sync_id = identity(settings.change_id, table, column.name)
    park = ParkColumn(table.name, column.name, f"_orch_parked_{sync_id}", fill)
    yield from parking(park, settings)


def _refuse(table: Table, column: Column, down: str | None) -> None:
    _table.synced(table, partitioned=True)
    _table.whole_column(table, column)
    if table.partitioning is not None and down is not None and not column.not_null:
        raise PlanRefused(
            f"{table.name} is partitioned and {column.name} may be NULL: a row that moves to another partition is inserted there,"
            " where down would take a NULL that was written for one that was left out",
            "leave out down:, or set_not_null the column by a change before this one",
        )
    _table.not_in_sync(table, column)
    _table.no_dependents(table, column)
    _table.not_unique(table, column)
    if column.not_null and down is None and not _filled_by_itself(column):
        raise PlanRefused(
            f"{table.name}.{column.name} is NOT NULL without a default: INSERTs of versions that no longer name it fail",
            "say what old versions shall read: down: with an expression over the row",
        )
    if column.generated and down is not None:
        raise PlanRefused(f"{table.name}.{column.name} is generated", "leave out down:")


def _filled_by_itself(column: Column) -> bool:
    return column.default is not None or column.identity or column.generated


def _notes(table: Table, column: Column, fill: Fill | None) -> Iterator[str]:
    if fill is not None and column.default is not None:
        where = f"{table.name}.{column.name}"
        yield f"{where} has the default {column.default}: old versions read that, not down, where a writer leaves it out"
    taken = [i.name for i in _table.own_indexes(table, column)]
    taken += [c.name for c in _table.own_constraints(table, column)]
    if taken:
        yield f"purge of {table.name}.{column.name} also drops {', '.join(taken)}"


plugin = DropColumn
