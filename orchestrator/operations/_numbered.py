"""A new identity column: numbered by a sequence for the time being, until every row has its number.

Why it exists: adding an identity column at once numbers every row under ACCESS EXCLUSIVE; making one of a column that is NOT
NULL already is a change in the catalog.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from orchestrator.core.catalog import Table, TableName
from orchestrator.core.identitystep import MakeIdentity, NumberColumn
from orchestrator.core.plan import Draft, PlannedStep, Settings
from orchestrator.core.step import AddColumn, Backfill
from orchestrator.operations import _table
from orchestrator.operations._copy import not_null
from orchestrator.operations._model import identity, key_of, shortened


def draft(table: Table, column: AddColumn, settings: Settings, *, always: bool) -> Draft:
    """All Steps. Raises PlanRefused."""
    _table.alone(table, partitioned="make a sequence by sql:, and add the column with default: nextval of it")
    if table.rules:
        _table.synced(table)
    sync_id = identity(settings.change_id, table, column.column)
    sequence = TableName("orch_target", f"number_{sync_id}")
    number = NumberColumn(table.name, column.column, column.type, sequence)
    return Draft(tuple(_steps(table, column, number, sync_id, settings, always=always)), tuple(_notes(number, always)))


def _steps(
    table: Table, column: AddColumn, number: NumberColumn, sync_id: str, settings: Settings, *, always: bool
) -> Iterator[PlannedStep]:
    where = f"{number.table}.{number.column}"
    yield PlannedStep("expand", replace(column, numbered=True), f"add {where} {number.type}, empty")
    yield PlannedStep("expand", number, f"number rows to come by {number.sequence}")
    fill = Backfill(
        table=table.name,
        column=number.column,
        key=key_of(table),
        sync_id=sync_id,
        expression=f"nextval('{number.sequence}'::regclass)",
        batch_rows=settings.batch_rows,
        statement_time=settings.statement_time,
        max_replica_lag=settings.max_replica_lag,
        fire_triggers=_table.fire_triggers(table, number.column, settings),
    )
    yield PlannedStep("backfill", fill, f"number the rows of {where} that are there")
    yield from not_null(table, number.column, shortened(number.column, f"_nn_{sync_id[:6]}"), "backfill")
    made = MakeIdentity(number.table, number.column, number.type, number.sequence, always)
    yield PlannedStep("backfill", made, f"make {where} an identity, which goes on where {number.sequence} stands")


def _notes(number: NumberColumn, always: bool) -> Iterator[str]:
    where = f"{number.table}.{number.column}"
    yield f"{where} is numbered in no order of meaning; numbers that a version gives by itself are not skipped by the sequence"
    if always:
        yield f"once {where} is an identity, statements that give it a number fail (428C9)"
