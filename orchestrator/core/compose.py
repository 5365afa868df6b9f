"""From the drafts of a change's operations to one Plan: in order, without doubles, and without conflicts.

Why it exists: each operation knows only itself. What two of them may not do to one table, which Step serves both, and in which
order all of them come is judged here, before anything runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from orchestrator.core.catalog import Catalog
from orchestrator.core.errors import PlanRefused
from orchestrator.core.footprint import Footprint, Place
from orchestrator.core.gate import GatePolicy
from orchestrator.core.parkstep import ParkColumn, ParkTable
from orchestrator.core.plan import PHASES, Draft, Operation, Plan, PlannedStep, Query, Settings
from orchestrator.core.reading import Readers
from orchestrator.core.step import PURGES, AddColumn, RunSql, SwitchReads
from orchestrator.core.viewstep import CreateSchema, CreateView, DropSchema, DropView, RenameColumn, RenameTable

_APART = "put them into two changes and submit the second when the first is completed"


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
