"""Drop a table that no version needs any more: renamed away at contract, dropped at purge.

Until contract nothing changes; from contract on no version finds it. Undo renames it back whole, with its rows, indexes,
triggers, policies, privileges and sequences, until purge drops them all.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.core.catalog import Catalog, Table
from orchestrator.core.errors import PlanRefused
from orchestrator.core.parkstep import ParkTable, PurgeTable
from orchestrator.core.plan import Draft, PhaseName, PlannedStep, Settings
from orchestrator.core.step import SwitchReads
from orchestrator.operations import _table
from orchestrator.operations._model import OperationModel, identity


class DropTable(OperationModel):
    """``drop_table: {table: old_orders}``."""

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """All of it."""
        return frozenset({(str(catalog.table(self.table).name), "*")})

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """Switch, park, purge."""
        table = catalog.table(self.table)
        _refuse(table)
        park = ParkTable(table.name, f"_orch_parked_{identity(settings.change_id, table, '*')}")
        return Draft(tuple(_steps(park, settings)), tuple(_notes(table)))


def _steps(park: ParkTable, settings: Settings) -> Iterator[PlannedStep]:
    switch = SwitchReads(settings.change_id)
    yield PlannedStep("switch_reads", switch, f"reads_new answers true: nothing uses {park.table} any more")
    yield PlannedStep("contract", park, f"park {park.table} as {park.parked}; undo is possible until purge")
    phase: PhaseName = "purge" if settings.park > 0 else "contract"
    yield PlannedStep(phase, PurgeTable(park.table, park.parked), f"drop the parked {park.table}")


def _refuse(table: Table) -> None:
    _table.alone(table, partitioned=True)
    _table.at_rest(table)
    outside = [d.name for d in table.dependents if d.column == "*"]
    if outside:
        raise PlanRefused(
            f"{table.name} is used by {', '.join(outside)}",
            "drop or redefine these first (a foreign key by drop_constraint, in a change that completes before this one)",
        )
    published = [d.name for d in table.dependents if d.kind == "publication"]
    if published:
        raise PlanRefused(
            f"{table.name} is published by {', '.join(published)}: subscribers would lose it at contract",
            "take it out of the publication first (ALTER PUBLICATION … DROP TABLE)",
        )
    for key in table.constraints:
        if key.kind == "f" and not key.inbound and not _follows(key.definition):
            raise PlanRefused(
                f"foreign key {key.name} of {table.name} would go on forbidding deletes ({key.definition})"
                " while nobody can delete its parked rows any more",
                f"drop_constraint {key.name} in a change that completes before this one",
            )
    _parts_keys(table)


def _parts_keys(table: Table) -> None:
    """Refuse foreign keys that a partition has by itself, of which no more is known. Raises PlanRefused."""
    for partition in table.partitioning.partitions if table.partitioning else ():
        for own in partition.own:
            if own.kind == "foreign key":
                raise PlanRefused(
                    f"partition {partition.name} has a foreign key of its own, {own.name}, which may go on forbidding deletes"
                    " while nobody can delete its parked rows any more",
                    f"ALTER TABLE {partition.name} DROP CONSTRAINT {own.name} first",
                )


def _follows(definition: str) -> bool:
    """Whether deleting what is referred to takes the parked row along, or lets it be."""
    return any(f" ON DELETE {action}" in definition for action in ("CASCADE", "SET NULL", "SET DEFAULT"))


def _notes(table: Table) -> Iterator[str]:
    yield f"from contract on, statements that name {table.name} fail (42P01); functions that name it in their text, too"
    taken = [i.name for i in table.indexes] + [t.name for t in table.triggers]
    taken += [column.sequence for column in table.columns if column.sequence is not None]
    if taken:
        yield f"purge of {table.name} also drops {', '.join(taken)}"
    yield from _table.partitions_stay(table)
    follows = [key.name for key in table.constraints if key.kind == "f" and not key.inbound]
    if follows:
        yield f"while {table.name} is parked, {', '.join(follows)} still reaches its rows when what they refer to is deleted"


plugin = DropTable
