"""A column carried over into another one beside it: the Steps that rename_column and change_type share.

Why it exists: renaming and retyping differ only in the conversion. Both add a column, keep the two equal in both directions
from expand on, fill it, build what hung on the old one, and park the old one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from orchestrator.core.catalog import Column, Constraint, Index, Table
from orchestrator.core.parkstep import ParkColumn, PurgeColumn, Rename
from orchestrator.core.partitioned import AddPartitionedForeignKey
from orchestrator.core.plan import Draft, PhaseName, PlannedStep, Settings
from orchestrator.core.step import (
    AddColumn,
    AddConstraint,
    Backfill,
    InstallSync,
    RelaxNotNull,
    SetNotNull,
    Step,
    SwitchReads,
    ValidateConstraint,
)
from orchestrator.core.sync import Conversion, Mirror, Part, Rule
from orchestrator.operations import _constraint, _table
from orchestrator.operations._index import built
from orchestrator.operations._model import key_of, shortened, trigger_name


@dataclass(frozen=True, slots=True)
class Copy:
    """One column on its way into another. ``up`` None copies the value as it is."""

    table: Table
    old: Column
    new: str
    new_type: str
    sync_id: str
    settings: Settings
    subscribes: bool
    default: str | None = None
    up: Conversion | None = None
    down: Conversion | None = None
    reversible: bool = True
    lossless: bool = False
    strict: bool = False
    claims: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """The old column for people."""
        return f"{self.table.name}.{self.old.name}"

    @property
    def fallible(self) -> bool:
        """Whether a conversion may raise or yield NULL; then constraints wait until the old version is retired (F16)."""
        return self.up is not None and not self.lossless

    @property
    def relaxed(self) -> bool:
        """Whether the old NOT NULL must give way so that a value that does not convert back cannot fail a write."""
        return self.old.not_null and not self.strict and (self.down is not None or not self.reversible)

    @property
    def parked(self) -> str:
        """The old column's name after contract."""
        return f"_orch_parked_{self.sync_id}"

    def named(self, name: str) -> str:
        """The name of the copy's twin of an index or constraint, until both trade names at park."""
        return shortened(name, f"_{self.sync_id[:6]}")

    @property
    def proof(self) -> str:
        """The CHECK that proves NOT NULL without a scan under lock."""
        return shortened(self.new, f"_nn_{self.sync_id[:6]}")


def preconditions(table: Table, column: Column) -> None:
    """Everything that would stop the copy later. Raises PlanRefused."""
    _table.synced(table, partitioned=True)
    _table.whole_column(table, column)
    _table.plain_column(table, column)
    _table.not_in_sync(table, column)
    _table.not_unique(table, column)
    _table.no_dependents(table, column)
    _table.own_indexes(table, column)


def draft(copy: Copy, notes: tuple[str, ...]) -> Draft:
    """All Steps of a copy, in order."""
    mirror = mirror_of(copy)
    steps = (
        *expanding(copy, mirror),
        *filling(copy),
        *_built(copy),
        PlannedStep(
            "switch_reads", SwitchReads(copy.settings.change_id), "reads_new answers true: reads go to the new shape"
        ),
        *_contract(copy, mirror),
    )
    return Draft(steps, (*notes_of(copy), *notes))


def mirror_of(copy: Copy) -> Mirror:
    """What keeps both columns equal."""
    table, old = copy.table, copy.old
    return Mirror(
        id=copy.sync_id,
        change_id=copy.settings.change_id,
        table=table.name,
        olds=(Part(old.name, old.type, copy.down, old.not_null, old.default, old.default_volatile or old.identity),),
        news=(Part(copy.new, copy.new_type, copy.up, old.not_null),),
        key=key_of(table),
        trigger=trigger_name(table, copy.sync_id),
        reversible=copy.reversible,
        relaxed=copy.relaxed,
        narrow=not any(t.before and t.row and t.update and not t.ours for t in table.triggers),
        always=copy.subscribes,
        strict=copy.strict,
        claims=copy.claims,
    )


def expanding(copy: Copy, mirror: Mirror) -> Iterator[PlannedStep]:
    """The new column, empty, and its sync."""
    table, old = copy.table, copy.old
    same = copy.new_type == old.type
    add = AddColumn(
        table=table.name,
        column=copy.new,
        type=copy.new_type,
        collation=old.collation if same else None,
        comment=old.comment,
        statistics=old.statistics,
        grants=old.grants,
    )
    yield PlannedStep("expand", add, f"add {table.name}.{copy.new} {copy.new_type}, empty")
    yield PlannedStep("expand", InstallSync(mirror), f"keep {copy.where} and {copy.new} equal in both directions")
    if copy.relaxed:
        relax = RelaxNotNull(table.name, old.name, shortened(old.name, f"_old_nn_{copy.sync_id[:6]}"))
        yield PlannedStep("expand", relax, f"let {copy.where} hold NULL where a new value does not convert back")


def filling(copy: Copy) -> Iterator[PlannedStep]:
    """The new column's values."""
    table = copy.table
    fill = Backfill(
        table=table.name,
        column=copy.new,
        key=key_of(table),
        sync_id=copy.sync_id,
        value=copy.up,
        source=None if copy.up else copy.old.name,
        batch_rows=copy.settings.batch_rows,
        statement_time=copy.settings.statement_time,
        max_replica_lag=copy.settings.max_replica_lag,
        fire_triggers=_table.fire_triggers(table, copy.new, copy.settings),
    )
    yield PlannedStep("backfill", fill, f"fill {table.name}.{copy.new} from {copy.old.name}")


def _built(copy: Copy) -> Iterator[PlannedStep]:
    for index in _table.own_indexes(copy.table, copy.old):
        yield twin(copy, index, "backfill")
    if not copy.fallible:
        yield from constraints(copy, _table.own_constraints(copy.table, copy.old), "backfill")


def twin(copy: Copy, index: Index, phase: PhaseName, rule: Rule | None = None) -> PlannedStep:
    """An index of the old column, built over the new one."""
    name = copy.named(index.name)
    create = built(copy.table, name, index.definition, rule=rule, renamed=(copy.old.name, copy.new))
    return PlannedStep(phase, create, f"build {name}, the twin of {index.name}")


def constraints(copy: Copy, found: Iterable[Constraint], phase: PhaseName) -> Iterator[PlannedStep]:
    """Constraints of the old column, added over the new one and proved; its NOT NULL, too."""
    table, renamed = copy.table.name, (copy.old.name, copy.new)
    for constraint in found:
        name = copy.named(constraint.name)
        if constraint.references is not None and _constraint.by_partition(copy.table):
            yield _by_partition(copy, constraint, phase)
            continue
        add = AddConstraint(table, name, constraint.definition, renamed, comment=constraint.comment)
        yield PlannedStep(phase, add, f"add {name}, the twin of {constraint.name}, not yet validated")
        if constraint.validated:
            yield PlannedStep(phase, ValidateConstraint(table, name), f"validate {name}")
    if copy.old.not_null:
        yield from not_null(copy.table, copy.new, copy.proof, phase)


def _by_partition(copy: Copy, constraint: Constraint, phase: PhaseName) -> PlannedStep:
    name = copy.named(constraint.name)
    assert constraint.references is not None  # noqa: S101 - asked before
    add = AddPartitionedForeignKey(
        copy.table.name,
        name,
        constraint.definition,
        constraint.references,
        (copy.old.name, copy.new),
        comment=constraint.comment,
    )
    words = f"add {name}, the twin of {constraint.name}, and validate it, partition by partition"
    return PlannedStep(phase, add, words)


def not_null(
    table: Table, column: str, proof: str, phase: PhaseName, last: PhaseName | None = None
) -> Iterator[PlannedStep]:
    """NOT NULL by way of CHECK NOT VALID, VALIDATE, SET NOT NULL: no scan under a strong lock."""
    where = f"{table.name}.{column}"
    add = AddConstraint(table.name, proof, not_null=column)
    yield PlannedStep(phase, add, f"hold new rows to {where} IS NOT NULL")
    prove = ValidateConstraint(table.name, proof, not_null=column)
    yield PlannedStep(phase, prove, f"prove {where} IS NOT NULL for all rows")
    yield PlannedStep(last or phase, SetNotNull(table.name, column, proof), f"set {where} NOT NULL by that proof")


def _contract(copy: Copy, mirror: Mirror) -> Iterator[PlannedStep]:
    own = _table.own_constraints(copy.table, copy.old)
    if copy.fallible:
        yield from constraints(copy, own, "contract")
    park = ParkColumn(
        table=copy.table.name,
        column=copy.old.name,
        parked=copy.parked,
        sync=mirror,
        new=copy.new,
        default=copy.default,
        previous=copy.old.default,
        sequence=copy.old.sequence,
        renames=tuple(renames(copy, _table.own_indexes(copy.table, copy.old), own)),
    )
    yield from parking(park, copy.settings)


def parking(park: ParkColumn, settings: Settings) -> Iterator[PlannedStep]:
    """Park, and purge: behind its own gate when there is a time to park, at once when there is none."""
    where = f"{park.table}.{', '.join(each.column for each in park.columns)}"
    parked = ", ".join(each.parked for each in park.columns)
    yield PlannedStep("contract", park, f"park {where} as {parked}; undo is possible until purge")
    purge: Step = PurgeColumn(park.table, park.parked, park.sync, tuple(each.parked for each in park.also))
    phase: PhaseName = "purge" if settings.park > 0 else "contract"
    yield PlannedStep(phase, purge, f"drop the parked {where} with its sync")


def renames(copy: Copy, indexes: Iterable[Index], found: Iterable[Constraint]) -> Iterator[Rename]:
    """The twins take the names of what they stand for."""
    names: list[tuple[str, str]] = [("index", index.name) for index in indexes]
    names += [("constraint", constraint.name) for constraint in found]
    for kind, name in names:
        parked = shortened(name, f"_parked_{copy.sync_id[:6]}")
        yield Rename("index" if kind == "index" else "constraint", name, parked)
        yield Rename("index" if kind == "index" else "constraint", copy.named(name), name)


def notes_of(copy: Copy) -> Iterator[str]:
    """What the operator must know of any copy."""
    if copy.old.default is not None and not copy.old.not_null:
        yield (
            f"{copy.where} has a default and may be NULL: an INSERT through the new shape with an explicit NULL"
            " is indistinguishable from one that left it out"
        )
    if not copy.reversible:
        yield f"{copy.where}: no down: going back after the switch loses values written through {copy.new}"
    if not copy.table.key:
        yield f"{copy.table.name} has no key: rejected rows are counted, not located; the backfill goes by page ranges"
    yield (
        f"{copy.table.name} gains a column in expand and loses one in contract: prepared SELECT * and RETURNING *"
        " fail (0A000) until their connection is renewed"
    )
