"""Forbid NULL in a column, without scanning the table under a strong lock.

With ``fill``, a trigger fills NULLs from expand until contract and a backfill fills the rows that are there; old versions
never see an error. Without it, NULL is refused from contract on, and contract waits until no row holds one.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.core.asked import Question
from orchestrator.core.catalog import Catalog, Table
from orchestrator.core.errors import PlanRefused
from orchestrator.core.plan import Draft, PlannedStep, Settings
from orchestrator.core.step import Backfill, InstallSync, RemoveSync
from orchestrator.core.sync import Conversion, Fill
from orchestrator.operations import _table
from orchestrator.operations._copy import not_null
from orchestrator.operations._model import (
    Name,
    OperationModel,
    checked,
    identity,
    key_of,
    shortened,
    trigger_name,
)


class SetNotNull(OperationModel):
    """``set_not_null: {table: customers, column: phone, fill: "'unknown'"}``."""

    column: Name
    fill: str | None = None

    def questions(self) -> tuple[Question, ...]:
        """The fill expression."""
        return () if self.fill is None else (self._question(),)

    def _question(self) -> Question:
        return Question(self.table, self.fill, f"%{self.column}")

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The column."""
        return frozenset({(str(catalog.table(self.table).name), self.column)})

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """Fill if asked, prove, set."""
        table = catalog.table(self.table)
        column = table.column(self.column)
        _table.synced(table, partitioned=True)
        _table.whole_column(table, column, "NOT NULL of")
        _table.not_in_sync(table, column)
        if column.not_null:
            raise PlanRefused(f"{table.name}.{self.column} is NOT NULL already", "leave the operation out")
        sync_id = identity(settings.change_id, table, self.column)
        proof = shortened(self.column, f"_nn_{sync_id[:6]}")
        where = f"{table.name}.{self.column}"
        if self.fill is None:
            note = f"from contract on, writes that leave {where} NULL fail (23502); contract waits until no row is NULL"
            return Draft(tuple(not_null(table, self.column, proof, "contract")), (note,))
        fill = self._fill(catalog, table, settings, sync_id)
        note = f"from contract on, writes that leave {where} NULL fail (23502); filled values stay after an abort"
        return Draft(tuple(filled(fill, table, settings, proof=proof)), (note,))

    def _fill(self, catalog: Catalog, table: Table, settings: Settings, sync_id: str) -> Fill:
        column = table.column(self.column)
        arguments = checked(catalog, self._question(), what=f"fill of {table.name}.{self.column}", synced=False)
        return Fill(
            id=sync_id,
            change_id=settings.change_id,
            table=table.name,
            column=self.column,
            type=column.type,
            key=key_of(table),
            trigger=trigger_name(table, sync_id),
            value=Conversion(f"fill_{sync_id}", self.fill, arguments, column.type),
            on_update=True,
            required=True,
            always=catalog.subscribes,
        )


def filled(fill: Fill, table: Table, settings: Settings, *, proof: str | None) -> Iterator[PlannedStep]:
    """Trigger, backfill and, with ``proof``, NOT NULL; the trigger goes at contract.

    A fill that reads the row may raise or yield NULL, so its CHECK waits until the old version is retired (F16).
    """
    where = f"{table.name}.{fill.column}"
    yield PlannedStep("expand", InstallSync(fill), f"fill {where} where a writer leaves it NULL")
    step = Backfill(
        table=table.name,
        column=fill.column,
        key=fill.key,
        sync_id=fill.id,
        value=fill.value,
        batch_rows=settings.batch_rows,
        statement_time=settings.statement_time,
        max_replica_lag=settings.max_replica_lag,
        fire_triggers=_table.fire_triggers(table, fill.column, settings),
    )
    yield PlannedStep("backfill", step, f"fill {where} of the rows that are there")
    if proof is not None:
        yield from not_null(table, fill.column, proof, "contract" if fill.value.arguments else "backfill", "contract")
    yield PlannedStep("contract", RemoveSync(fill), f"stop filling {where}")


plugin = SetNotNull
