"""Rename a table while old and new versions run: the new name is a view until contract, then it is the table.

Old versions go on with the table itself, of which nothing changes: what they have prepared, copy or look up goes on working.
New versions read and write through an updatable view that is read as its invoker (``security_invoker``), with the table's
owner, privileges and policies. Contract drops the view and renames the table in one short transaction; undo turns it back.
Refused before PostgreSQL 15, where a view is read with its owner's rights.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.core.catalog import Catalog, Table
from orchestrator.core.errors import PlanRefused
from orchestrator.core.plan import Draft, PlannedStep, Settings
from orchestrator.core.step import GiveUp, SwitchReads
from orchestrator.core.viewstep import CreateView
from orchestrator.core.viewstep import RenameTable as RenameTableStep
from orchestrator.operations import _table
from orchestrator.operations._model import Name, OperationModel, beside

INVOKER = 150000
"""The server version from which views can be read as their invoker."""


class RenameTable(OperationModel):
    """``rename_table: {table: orders, to: purchases}``; the schema stays."""

    to: Name

    def tables(self) -> tuple[str, ...]:
        """The table, and what has the new name."""
        return (self.table, beside(self.table, self.to))

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """All of it, under both names."""
        new = catalog.new_table(beside(self.table, self.to))
        return frozenset({(str(catalog.table(self.table).name), "*"), (str(new), "*")})

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """A view, the switch, and the trade of names."""
        table = catalog.table(self.table)
        _refuse(catalog, table)
        view = CreateView(
            view=catalog.new_table(beside(self.table, self.to)),
            table=table.name,
            columns=tuple(column.name for column in table.columns),
            access=table.access,
            column_grants=tuple((column.name, column.grants) for column in table.columns if column.grants),
            comment=table.comment,
        )
        return Draft(tuple(_steps(view, settings)), (*_notes(view), *_table.partitions_stay(table)))


def _steps(view: CreateView, settings: Settings) -> Iterator[PlannedStep]:
    yield PlannedStep("expand", view, f"give {view.table} the second name {view.view}, by a view")
    switch = SwitchReads(settings.change_id)
    yield PlannedStep("switch_reads", switch, f"reads_new answers true: {view.view} is the name to use")
    rename = RenameTableStep(view)
    yield PlannedStep("contract", rename, f"rename {view.table} to {view.view}, in place of the view")
    if settings.park > 0:
        given_up = GiveUp(view.view, f"the name {view.table}")
        yield PlannedStep("purge", given_up, f"give up the way back to the name {view.table}")


def _refuse(catalog: Catalog, table: Table) -> None:
    _table.alone(table, partitioned=True)
    _table.at_rest(table)
    if catalog.server_version < INVOKER:
        raise PlanRefused(
            "before PostgreSQL 15 a view is read with its owner's rights: policies and privileges would not hold",
            "rename on PostgreSQL 15 or later, or ALTER TABLE … RENAME in a downtime",
        )
    published = [d.name for d in table.dependents if d.kind == "publication"]
    if published:
        raise PlanRefused(
            f"{table.name} is published by {', '.join(published)}: subscribers find a table by its name",
            "take it out of the publication for the change, and rename it on every subscriber",
        )


def _notes(view: CreateView) -> Iterator[str]:
    yield (
        f"until contract {view.view} is a view: COPY into it, TRUNCATE, ON CONFLICT ON CONSTRAINT, MERGE (before 17),"
        f" pg_get_serial_sequence and system columns fail through it; new versions use {view.table} for these until then"
    )
    yield (
        f"from contract on, statements that name {view.table} fail (42P01); functions and triggers that name it in their"
        " text, too; indexes, sequences and constraints keep their names"
    )


plugin = RenameTable
