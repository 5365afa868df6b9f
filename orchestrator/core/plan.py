"""The Plan: an ordered, immutable list of Steps compiled from a Change and a Catalog.

Why it exists: what people approve must be what is run. A Plan is a value, known by its digest, stored whole, and never
recomputed once expand has begun.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Protocol

from orchestrator.core.asked import Question
from orchestrator.core.catalog import Catalog
from orchestrator.core.errors import PlanRefused
from orchestrator.core.footprint import Footprint, Place
from orchestrator.core.gate import GatePolicy
from orchestrator.core.parkstep import ParkColumn, ParkTable, PurgeColumn
from orchestrator.core.ramp import EACH
from orchestrator.core.reading import Readers
from orchestrator.core.step import (
    PURGES,
    AddColumn,
    AddConstraint,
    Backfill,
    CreateIndex,
    InstallSync,
    RunSql,
    Step,
    SwitchReads,
)
from orchestrator.core.sync import Mirror, Sync
from orchestrator.core.viewstep import CreateSchema, CreateView, DropSchema, DropView, RenameColumn, RenameTable

if TYPE_CHECKING:
    from pydantic import TypeAdapter

PhaseName = Literal["expand", "backfill", "switch_reads", "contract", "purge"]
_APART = "put them into two changes and submit the second when the first is completed"
TAKES = (ParkColumn, ParkTable, RenameColumn, RenameTable)
"""Steps of contract that take a name away by which an application may still read or write."""
PHASES: tuple[PhaseName, ...] = ("expand", "backfill", "switch_reads", "contract", "purge")


@dataclass(frozen=True, slots=True)
class Settings:
    """What of the change file shapes the Steps. ``park`` in seconds; 0 drops at once.

    ``views`` is the schema of the new version's views, where reads are switched by views; ``ramp`` are percentages of
    readers that switch first, each of which stands for ``each`` seconds.
    """

    change_id: str
    park: float
    batch_rows: int = 1000
    statement_time: float = 0.1
    max_replica_lag: float = 5.0
    triggers: str | None = None
    views: str | None = None
    ramp: tuple[int, ...] = ()
    each: float = EACH


@dataclass(frozen=True, slots=True)
class Query:
    """One of the change's own verify queries: passes when its single value equals ``expect``."""

    name: str
    sql: str
    expect: str


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A Step in its place. ``description`` is the sentence the operator reads."""

    phase: PhaseName
    step: Step
    description: str
    ordinal: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in order, with the notes an operator must read and the policies of the gates."""

    change_id: str
    target: str
    steps: tuple[PlannedStep, ...]
    park: float
    notes: tuple[str, ...] = ()
    verify: tuple[Query, ...] = ()
    gates: Mapping[str, GatePolicy] = field(default_factory=dict)
    footprint: Footprint = field(default_factory=Footprint)
    readers: Readers = field(default_factory=Readers)

    def of(self, *phases: str) -> tuple[PlannedStep, ...]:
        """The Steps of some phases, in order."""
        return tuple(step for step in self.steps if step.phase in phases)

    @property
    def parks(self) -> bool:
        """Whether contract leaves something parked that is purged later, behind its own gate."""
        return bool(self.of("purge"))

    def policy(self, gate: str) -> GatePolicy:
        """What ``gate`` asks for, with the defaults of design §4."""
        default = GatePolicy(soak=3600.0 if gate == "contract" else self.park if gate == "purge" else 0.0)
        return self.gates.get(gate, default)

    def syncs(self) -> tuple[Sync, ...]:
        """Every Sync that expand installs."""
        return tuple(planned.step.sync for planned in self.steps if isinstance(planned.step, InstallSync))

    def mirrors(self) -> tuple[Mirror, ...]:
        """The two-way Syncs, whose shapes can be compared."""
        return tuple(sync for sync in self.syncs() if isinstance(sync, Mirror))

    def backfills(self) -> tuple[PlannedStep, ...]:
        """The Steps that fill rows."""
        return tuple(planned for planned in self.steps if isinstance(planned.step, Backfill))


class Operation(Protocol):
    """One typed request of a change file. Each lives in one file of ``orchestrator/operations``."""

    def tables(self) -> tuple[str, ...]:
        """Tables to snapshot, as spelled in the change file."""

    def types(self) -> tuple[str, ...]:
        """Type names to resolve on the server."""

    def questions(self) -> tuple[Question, ...]:
        """Expressions about which the server is asked before planning."""

    def statements(self) -> tuple[str, ...]:
        """Statements of the change file that are to be run."""

    def queries(self) -> tuple[str, ...]:
        """Texts of the change file that must be one SELECT each."""

    def actions(self) -> tuple[tuple[str, str], ...]:
        """(table, action) of forms of ALTER TABLE that are tried on an empty twin of the table before planning."""

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """(table, column) pairs this operation changes; two operations of one change may not share one.

        The column ``*`` stands for the table itself: no other operation may then touch any part of it.
        """

    def reads(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """(table, column) pairs that its Steps name; no other operation of the change may take these away."""

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """The Steps, or PlanRefused with the reason and the way around."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What one Operation contributes to the Plan."""

    steps: tuple[PlannedStep, ...]
    notes: tuple[str, ...] = ()


def compose(
    operations: Iterable[Operation],
    catalog: Catalog,
    settings: Settings,
    *,
    target: str,
    verify: tuple[Query, ...] = (),
    gates: Mapping[str, GatePolicy] | None = None,
    readers: Readers | None = None,
) -> Plan:
    """Compile a Change against a Catalog. Raises PlanRefused when an operation cannot be done safely."""
    requested = _without_conflicts(operations, catalog)
    drafts = tuple(operation.steps(catalog, settings) for operation in requested)
    _nothing_taken_away(tuple(operation.reads(catalog) for operation in requested), drafts)
    _nothing_rewritten(drafts, catalog)
    steps_of_all = [step for draft in drafts for step in draft.steps]
    _nothing_hidden(steps_of_all, settings)
    ordered = sorted(ramped(_merged(steps_of_all), settings), key=_place)
    notes = tuple(dict.fromkeys(note for draft in drafts for note in draft.notes))
    steps = tuple(replace(planned, ordinal=place) for place, planned in enumerate(ordered, 1))
    footprint = _footprint(requested, steps, catalog)
    return Plan(
        settings.change_id,
        target,
        steps,
        settings.park,
        notes,
        verify,
        dict(gates or {}),
        footprint,
        readers or Readers(),
    )


def _footprint(operations: Iterable[Operation], steps: Iterable[PlannedStep], catalog: Catalog) -> Footprint:
    """What the operations say, and the indexes and constraints whose names their parks trade."""
    touches: set[Place] = set()
    reads: set[Place] = set()
    for operation in operations:
        touches |= operation.touches(catalog)
        reads |= operation.reads(catalog)
    for park in (planned.step for planned in steps if isinstance(planned.step, ParkColumn)):
        for rename in park.renames:
            touches |= {(str(park.table), f"{rename.object} {name}") for name in (rename.name, rename.to)}
    return Footprint(tuple(sorted(touches)), tuple(sorted(reads)))


def _place(planned: PlannedStep) -> tuple[int, bool]:
    """By phase; what drops comes last, since nothing of its phase can be taken back afterwards."""
    step = planned.step
    return PHASES.index(planned.phase), isinstance(step, PURGES) or (isinstance(step, RunSql) and step.last)


def _merged(steps: list[PlannedStep]) -> list[PlannedStep]:
    """One flag, one schema, and one view per table serve all operations of a change; what ends them comes after the last."""
    kept: dict[object, PlannedStep] = {}
    for place, planned in enumerate(steps):
        step = planned.step
        if isinstance(step, DropView | DropSchema):
            kept.pop(step, None)
            kept[step] = planned
        elif isinstance(step, SwitchReads | CreateSchema | CreateView):
            key = (step.kind, step.view) if isinstance(step, CreateView) else step.kind
            kept[key] = _both(kept[key], planned) if key in kept else planned
        else:
            kept[place] = planned
    return list(kept.values())


def ramped(steps: Iterable[PlannedStep], settings: Settings) -> Iterator[PlannedStep]:
    """The Steps with the read switch in as many parts as the change asks for. Raises PlanRefused without a switch."""
    switches = 0
    for planned in steps:
        if isinstance(planned.step, SwitchReads):
            switches += 1
            yield from _parts(planned, planned.step, settings)
        else:
            yield planned
    if settings.ramp and not switches:
        raise PlanRefused("there are no reads to switch, and so no ramp to go up", "leave out `ramp`")


def _parts(planned: PlannedStep, switch: SwitchReads, settings: Settings) -> Iterator[PlannedStep]:
    before, after = 0, 0.0
    for percent in settings.ramp:
        words = f"reads_new answers true for {percent} % of those who ask"
        yield replace(planned, step=replace(switch, percent=percent, before=before, after=after), description=words)
        before, after = percent, settings.each
    yield replace(planned, step=replace(switch, before=before, after=after))


def _both(first: PlannedStep, second: PlannedStep) -> PlannedStep:
    """One Step that does for two operations."""
    one, other = first.step, second.step
    if isinstance(one, CreateSchema) and isinstance(other, CreateSchema):
        return replace(first, step=replace(one, usage=tuple(sorted({*one.usage, *other.usage}))))
    if not isinstance(one, CreateView) or not isinstance(other, CreateView):
        return first
    if one.table != other.table:
        raise PlanRefused(f"{one.table} and {other.table} would both be the view {one.view}", _APART)
    each = zip(one.columns, one.names, other.names, strict=True)
    shown = tuple(new if new != column else newer for column, new, newer in each)
    return replace(first, step=replace(one, shown=shown), description=f"{first.description}; {second.description}")


def _nothing_hidden(steps: list[PlannedStep], settings: Settings) -> None:
    """Refuse columns that come or go beside a version's view, which would not follow; and views that nothing makes."""
    views = [planned.step for planned in steps if isinstance(planned.step, CreateView)]
    shown = {view.table for view in views if view.view.schema == settings.views}
    if settings.views is not None and not shown:
        raise PlanRefused(
            "reads are to be switched by views, and no operation of the change makes one (rename_column does)",
            "leave out `switch_reads: {by: views}`",
        )
    for step in (planned.step for planned in steps):
        if isinstance(step, AddColumn | ParkColumn) and step.table in shown:
            raise PlanRefused(f"{step.table} is shown by a view, which {step.column} would come or go beside", _APART)


def _without_conflicts(operations: Iterable[Operation], catalog: Catalog) -> tuple[Operation, ...]:
    taken: dict[tuple[str, str], int] = {}
    result = tuple(operations)
    for place, operation in enumerate(result, 1):
        for table, column in sorted(operation.touches(catalog)):
            for (other, part), before in taken.items():
                if before != place and other == table and (part == column or "*" in (part, column)):
                    what = table if "*" in (part, column) else f"{table}.{column}"
                    raise PlanRefused(f"operations {before} and {place} both change {what}", _APART)
            taken[table, column] = place
    return result


def _nothing_taken_away(reads: tuple[frozenset[tuple[str, str]], ...], drafts: tuple[Draft, ...]) -> None:
    """Refuse operations of which one takes away what another reads, or whose twins would replace the same object."""
    taken: dict[tuple[str, str], int] = {}
    for place, draft in enumerate(drafts, 1):
        for parked in _tables_taken(draft):
            for other, names in enumerate(reads, 1):
                if other != place and any(table == parked for table, _ in names):
                    raise PlanRefused(f"operation {other} reads {parked}, which {place} takes away", _APART)
        for column in _columns_taken(draft):
            for other, names in enumerate(reads, 1):
                if other != place and column in names and not _views(draft, drafts[other - 1]):
                    raise PlanRefused(f"operation {other} reads {'.'.join(column)}, which {place} changes", _APART)
        for twin in _twins(draft):
            if taken.setdefault(twin, place) != place:
                raise PlanRefused(f"operations {taken[twin]} and {place} both change {'.'.join(twin)}", _APART)


def _views(one: Draft, other: Draft) -> bool:
    """Whether both put their names into one view, which then has them all."""
    shown = [{p.step.view for p in draft.steps if isinstance(p.step, CreateView)} for draft in (one, other)]
    return bool(shown[0] & shown[1])


def _columns_taken(draft: Draft) -> set[tuple[str, str]]:
    """Columns whose name contract takes away."""
    steps = [planned.step for planned in draft.steps]
    parked = {(str(park.table), each.column) for park in steps if isinstance(park, ParkColumn) for each in park.columns}
    return parked | {(str(step.table), step.column) for step in steps if isinstance(step, RenameColumn)}


def _twins(draft: Draft) -> set[tuple[str, str]]:
    """What trades its name with a twin at contract."""
    parks = [planned.step for planned in draft.steps if isinstance(planned.step, ParkColumn)]
    return {(str(park.table), rename.name) for park in parks for rename in park.renames}


def _tables_taken(draft: Draft) -> set[str]:
    """Tables whose name contract takes away."""
    steps = [planned.step for planned in draft.steps]
    renamed = {str(step.view.table) for step in steps if isinstance(step, RenameTable)}
    return renamed | {str(step.table) for step in steps if isinstance(step, ParkTable)}


def _nothing_rewritten(drafts: tuple[Draft, ...], catalog: Catalog) -> None:
    """Refuse new columns of a domain that is more than a name: the server checks or fills every row under its lock."""
    for step in (planned.step for draft in drafts for planned in draft.steps):
        domain = catalog.domain(step.type) if isinstance(step, AddColumn) else None
        if not isinstance(step, AddColumn) or domain is None:
            continue
        where = f"{step.table}.{step.column}"
        if domain.constrained:
            raise PlanRefused(
                f"{where} would be of the domain {step.type}, which has constraints:"
                f" adding it rewrites {step.table} under ACCESS EXCLUSIVE" + (", and fails" if domain.demands else ""),
                "give the column the domain's base type, and a CHECK of its own in place of the domain's",
            )
        if domain.default and step.default is None:
            raise PlanRefused(
                f"{where} would be of the domain {step.type}, whose default would stand in every row from the start",
                "ALTER DOMAIN … DROP DEFAULT, or give the column the domain's base type",
            )


def takes_away(plan: Plan) -> bool:
    """Whether contract takes a name away by which an application may still read or write."""
    return any(isinstance(planned.step, TAKES) for planned in plan.of("contract"))


def plan_json(plan: Plan) -> dict[str, Any]:
    """The Plan as JSON; ``parse_plan`` reads it back."""
    return _adapter().dump_python(plan, mode="json")  # type: ignore[no-any-return]


def parse_plan(data: Mapping[str, Any]) -> Plan:
    """Read a stored Plan. Raises pydantic's ValidationError when it was written by another version."""
    return _adapter().validate_python(data)


@cache
def _adapter() -> TypeAdapter[Plan]:
    """Built once, which takes a tenth of a second, and only where a Plan is read or written."""
    from pydantic import TypeAdapter

    return TypeAdapter(Plan)


__all__ = [
    "PHASES",
    "AddColumn",
    "AddConstraint",
    "CreateIndex",
    "Draft",
    "GatePolicy",
    "Operation",
    "ParkColumn",
    "PhaseName",
    "Plan",
    "PlannedStep",
    "PurgeColumn",
    "Query",
    "Settings",
    "compose",
    "parse_plan",
    "plan_json",
]
