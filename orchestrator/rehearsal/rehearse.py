"""A whole rehearsal: copy, small trial, one run to the end, an abort from each rest; then the Report.

Why it exists: this is the order in which a change shows what it will do to production, with nothing of production at stake.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import psycopg

from orchestrator.change import ChangeFile
from orchestrator.config import Config
from orchestrator.core.catalog import TableName
from orchestrator.core.errors import Blocked, OrchError
from orchestrator.core.reading import Statement as Known
from orchestrator.core.size import size_class
from orchestrator.plugins import discover
from orchestrator.rehearsal import in_use
from orchestrator.rehearsal import outright as one_step
from orchestrator.rehearsal.clients import Load
from orchestrator.rehearsal.copy import After, Copy, Say, synthetic
from orchestrator.rehearsal.given import clean, restored
from orchestrator.rehearsal.model import Budget, Cell, Report, Statement, Step, latency
from orchestrator.rehearsal.run import PHASES, RAMP, Recorder, Walk, predicted, quiet, service_on
from orchestrator.rehearsal.scratch import cloned
from orchestrator.rehearsal.statements import Sent, Shape, keys, made, merged, shape
from orchestrator.rehearsal.structure import Table, tables
from orchestrator.rehearsal.variant import parks, varied
from orchestrator.rehearsal.watching import watching
from orchestrator.service import Service
from state.model import State

Row = dict[str, str | None]
_QUIET = 2.0
_SESSIONS = 2
_FREEING = ("contract", "undo", "contract again")
_RULE = "(23"
"""How the SQLSTATE of a broken constraint begins."""
_ABORTS = (State.EXPANDED, State.BACKFILLED, State.SWITCHED)
_MUST = {
    "old": ("expand", "backfill", "switch", "undo"),
    "new": ("expand", "backfill", "switch", "contract", "undo", "contract again", "purge"),
}
_MUST["both"] = tuple(dict.fromkeys((*_MUST["old"], *_MUST["new"])))


@dataclass(frozen=True, slots=True)
class Options:
    """How it is rehearsed."""

    scale: float = 1.0
    budget: Budget = field(default_factory=Budget)
    statements: str | None = None
    on: str | None = None
    copy_of: str | None = None
    clone: str | None = None
    with_data: bool = False
    against: str | None = None


@dataclass
class _Stage:
    """What every run of one rehearsal shares."""

    file: ChangeFile
    text: str
    target: str
    copy: Copy
    statements: list[Sent]
    locks: dict[int, str]
    used: tuple[Known, ...]
    origin: float
    kind: str


def rehearsed(config: Config, source: str, path: str, options: Options, say: Say) -> Report:
    """Rehearse a change on a synthetic copy of its target. Raises OrchError when it cannot be planned or does not run."""
    from orchestrator.change import parse

    file = parse(source, path, discover("orchestrator.operations"))
    script = None if options.against is None else one_step.outright(options.against)
    target, text = config.target(file.target), varied(source, path, file)
    with Service(config, client="rehearse") as service:
        plan = service.plan(source, path)
    began = time.monotonic()
    with _copied(config, target.url, options, say, partial(_afterwards, file, text, target.name)) as copy:
        say(f"a copy of {copy.rows:,} rows after {time.monotonic() - began:.0f} s")
        old, new, rests = _tried(file, text, target.name, copy)
        used = in_use.statements(target.url, options.statements, list(old.tables))
        stage = _Stage(file, text, target.name, copy, [], predicted(plan), used, time.monotonic(), _kind(options))
        with copy.fresh("choice") as url, psycopg.connect(url, autocommit=True) as link:
            stage.statements, untried = _chosen(stage, url, link, *_grounded(copy, link, old, new))
        outright = None if script is None else _outright(stage, script, say)
        aborts = [_abort(stage, state, say) for state in _ABORTS if state in rests]
        found = _with_aborts(_run(stage, untried, say), aborts)
    return replace(
        found,
        plan_sha256=plan.plan_sha256,
        budget=_budget(file, options.budget),
        seconds=round(time.monotonic() - began, 1),
        outright=outright,
    )


@contextmanager
def _copied(config: Config, target: str, options: Options, say: Say, after: After) -> Iterator[Copy]:
    with ExitStack() as stack:
        if options.clone is not None:
            url, lacks = stack.enter_context(cloned(target, options.clone, say))
            yield replace(stack.enter_context(restored(config, url, None, say, after)), lacks=lacks)
        elif options.on is not None:
            yield stack.enter_context(restored(config, options.on, options.copy_of, say, after))
        else:
            yield stack.enter_context(synthetic(target, options.scale, say, after, with_data=options.with_data))


def _kind(options: Options) -> str:
    if options.clone is not None:
        return "cloned"
    return "restored" if options.on is not None else "local" if options.with_data else "synthetic"


def _grounded(copy: Copy, link: psycopg.Connection, old: Shape, new: Shape) -> tuple[Shape, Shape]:
    """On a restored copy clients write values that it has, as far as the columns are there before the change.

    A NULL is none where the new shape demands a value: the change fills it.
    """
    if copy.given is None and not copy.real:
        return old, new
    real = shape(link, "old", old.tables)
    rows = {
        place: [
            _known(row, known, new.tables[place])
            for row, known in zip(made_up, real.rows.get(place) or made_up, strict=False)
        ]
        for place, made_up in new.rows.items()
    }
    return real, replace(new, rows=rows)


def _known(made_up: Row, known: Row, table: Table) -> Row:
    demanded = {column.name for column in table.columns if column.required}
    taken = {c: v for c, v in known.items() if c in made_up and (v is not None or c not in demanded)}
    return {**made_up, **taken}


def _budget(file: ChangeFile, given: Budget) -> Budget:
    """What the command line says, else what the change file does."""
    asked = file.rehearse
    if asked is None:
        return given
    return Budget(
        given.max_lock_hold if given.max_lock_hold is not None else asked.max_lock_hold,
        given.max_client_stall if given.max_client_stall is not None else asked.max_client_stall,
        given.max_extra_disk if given.max_extra_disk is not None else asked.max_extra_disk,
    )


def _touched(file: ChangeFile, there: Iterable[TableName]) -> frozenset[TableName]:
    """The tables that the change names, with a schema or without."""
    named = {text for operation in file.operations for text in operation.tables()}
    return frozenset(place for place in there if named & {str(place), place.name})


def _afterwards(file: ChangeFile, text: str, target: str, url: str) -> dict[TableName, Table]:
    """Take the change through without a row; the tables there are then. A column that the change fills may be empty before."""
    fills = [operation for operation in file.operations if getattr(operation, "fill", None) is not None]
    filled = {str(getattr(operation, "column", "")) for operation in fills}
    with service_on(url, target) as service:
        service.submit(text, "rehearsal")
        _plainly(service, file.change)
    with psycopg.connect(url, autocommit=True) as link:
        return {place: _unfilled(table, filled) for place, table in tables(link).items()}


def _unfilled(table: Table, filled: set[str]) -> Table:
    columns = (replace(each, required=False) if each.name in filled else each for each in table.columns)
    return replace(table, columns=tuple(columns))


def _tried(file: ChangeFile, text: str, target: str, copy: Copy) -> tuple[Shape, Shape, set[State]]:
    """Take the change through on few rows; the shape before it, the shape after, and where it rests between.

    Raises what the engine raises.
    """
    with copy.fresh("trial", small=True) as url, psycopg.connect(url, autocommit=True) as link:
        before = tables(link)
        touched = {place: table for place, table in before.items() if place in _touched(file, before)}
        old = shape(link, "old", touched)
        with service_on(url, target) as service:
            service.submit(text, "rehearsal")
            rests = _plainly(service, file.change)
        after = tables(link)
        schema = file.switch_reads.views(file.change)
        seen = {place: table for place, table in after.items() if place in touched or place not in before}
        return old, shape(link, "new", seen, schema), rests


def _plainly(service: Service, change: str) -> set[State]:
    """To the end, without load; the states in which it rested."""
    rests: set[State] = set()
    for _ in range(12):
        status = service.status(change)
        if status.state is State.COMPLETED:
            return rests
        rests.add(status.state)
        if status.gate is not None and any(need.kind == "approval" for need in status.gate.missing):
            service.approve(change)
        try:
            service.advance(change, wait=RAMP)
        except OrchError:
            if service.status(change).state is status.state:
                raise
    raise Blocked(f"{change} does not come to its end on a copy with few rows", "orch plan FILE shows its steps")


def _run(stage: _Stage, untried: list[str], say: Say) -> Report:
    """The run to the end, which gives the Report all but its frame."""
    with stage.copy.fresh("run") as url, ExitStack() as stack:
        link = stack.enter_context(psycopg.connect(url, autocommit=True, application_name="orch-rehearsal"))
        service = stack.enter_context(_prepared(stage, url))
        load = Load(url, stage.statements)
        service.submit(stage.text, "rehearsal")
        watch = stack.enter_context(watching(url))
        load.start(_SESSIONS)
        stack.callback(load.stop)
        baseline = quiet(load, _QUIET)
        ((size,),) = link.execute("SELECT pg_catalog.pg_database_size(pg_catalog.current_database())").fetchall()
        recorder = Recorder("to the end", link, load, watch, stage.locks, stage.origin)
        walk = Walk(service, stage.file.change, load, recorder, _resting(load, say))
        ending = walk.to_the_end()
        load.stop()
        return replace(
            _framed(stage, untried),
            baseline=baseline,
            steps=tuple(recorder.steps),
            statements=tuple(_judged(load, once=not parks(stage.file))),
            endings=(ending,),
            disk_bytes=int(size),
            disk_peak_bytes=max(watch.disk_peak, int(size)),
            latencies=_thinned(load, stage.origin),
            rates=tuple(recorder.rates),
            problems=(f"locks could not be watched: {watch.failed}",) if watch.failed else (),
        )


def _outright(stage: _Stage, script: one_step.Outright, say: Say) -> Step:
    """The same in one step, before the change: a restored copy is afterwards as it was, dead rows included."""
    with stage.copy.fresh("outright") as url, ExitStack() as stack:
        link = stack.enter_context(psycopg.connect(url, autocommit=True, application_name="orch-rehearsal"))
        load = Load(url, [each for each in stage.statements if each.shape != "new"])
        watch = stack.enter_context(watching(url))
        load.start(_SESSIONS)
        stack.callback(load.stop)
        load.let("before", "old")
        found = one_step.run(script, url, Recorder("in one step", link, load, watch, {}, stage.origin))
        load.let("before")
        if stage.copy.given is not None:
            link.execute("VACUUM")
        say(f"in one step: taken back after {found.seconds:.1f} s")
        return found


def _framed(stage: _Stage, untried: Sequence[str]) -> Report:
    """The Report of a run of which nothing is known yet but where it takes place."""
    counts = stage.copy.values.counts
    largest = max((counts[place] for place in _touched(stage.file, counts)), default=0)
    return Report(
        change=stage.file.change,
        target=stage.target,
        plan_sha256="",
        server_version=stage.copy.version,
        target_version=stage.copy.target_version,
        copy=stage.kind,
        rows=stage.copy.rows,
        largest_table_rows=largest,
        size_class=size_class(largest),
        seconds=0.0,
        baseline=latency(()),
        steps=(),
        statements=(),
        phases=PHASES,
        endings=(),
        disk_bytes=0,
        disk_peak_bytes=0,
        budget=Budget(),
        lacks=stage.copy.lacks,
        untried=tuple(untried),
    )


def _prepared(stage: _Stage, url: str) -> AbstractContextManager[Service]:
    if stage.copy.given is not None:
        clean(url)
    return service_on(url, stage.target)


def _resting(load: Load, say: Say) -> Callable[[str], None]:
    """At each rest every statement is sent once more, and taken back."""

    def rests(phase: str) -> None:
        load.probe(phase)
        say(f"{phase}: done")

    return rests


def _chosen(stage: _Stage, url: str, link: psycopg.Connection, old: Shape, new: Shape) -> tuple[list[Sent], list[str]]:
    """Statements of both shapes, without those of the old one that do not work even now."""
    found = {place: keys(link, table) for place, table in old.tables.items()}
    values = replace(stage.copy.values, tables={**stage.copy.values.tables, **new.tables})
    statements = merged([*made(old, found, stage.copy.values), *made(new, found, values)], old, new)
    works: list[Sent] = []
    untried: list[str] = []
    rows = max((stage.copy.values.counts.get(place, 0) for place in old.tables), default=0)
    statements += in_use.sendable(link, stage.used, rows, untried)
    load = Load(url, statements)
    load.probe("before")
    for at, each in enumerate(statements):
        cell = load.cells.get((at, "before"), Cell())
        if each.shape != "new" and cell.failed:
            untried.append(f"{each.text} ({cell.error})")
        else:
            works.append(each)
    return works, untried


def _judged(load: Load, *, once: bool) -> Iterable[Statement]:
    for at, sent in enumerate(load.statements):
        cells = {phase: cell for (place, phase), cell in load.cells.items() if place == at}
        wanted = [phase for phase in _MUST[sent.shape] if phase in cells and not (once and phase == "undo")]
        must = tuple(phase for phase in wanted if sent.shape != "new" or not _too_early(load, at, phase))
        yield Statement(sent.shape, sent.text, must, cells)


def _too_early(load: Load, at: int, phase: str) -> bool:
    """Whether a rule refused it that contract lifts: the new shape may do so once contract is done, and it works then."""
    refused = phase in _FREEING and _RULE in load.cells[at, phase].error
    return refused and not load.rested.get((at, "contract"), "unasked")


def _thinned(load: Load, origin: float) -> tuple[tuple[float, float], ...]:
    """The worst latency (ms) of each tenth of a second, for a chart."""
    worst: dict[int, float] = {}
    for began, seconds in load.samples:
        at = int((began - origin) * 10)
        worst[at] = max(worst.get(at, 0.0), seconds)
    return tuple((at / 10, round(1000 * seconds, 2)) for at, seconds in sorted(worst.items()))


@dataclass(frozen=True, slots=True)
class _Aborted:
    """What came of one abort, in a sentence, and how statements fared in it."""

    title: str
    said: str
    cells: dict[int, Cell] = field(default_factory=dict)
    problem: str = ""


def _abort(stage: _Stage, state: State, say: Say) -> _Aborted:
    """Abort from one rest, on a copy of its own."""
    title = f"abort from {state.value}"
    with stage.copy.fresh(f"abort_{state.value}") as url, ExitStack() as stack:
        link = stack.enter_context(psycopg.connect(url, autocommit=True, application_name="orch-rehearsal"))
        service = stack.enter_context(_prepared(stage, url))
        service.submit(stage.text, "rehearsal")
        before = tables(link)
        load = Load(url, stage.statements)
        watch = stack.enter_context(watching(url))
        load.start(_SESSIONS)
        stack.callback(load.stop)
        recorder = Recorder(title, link, load, watch, stage.locks, stage.origin)
        walk = Walk(
            service, stage.file.change, load, recorder, lambda phase: load.probe(phase) if phase == title else None
        )
        said = walk.abort_from(state)
        load.stop()
        say(said or f"no {title}: the change does not rest there")
        done = bool(said) and service.status(stage.file.change).state is State.ABORTED
        changed = done and before != tables(link)
        cells = {at: cell for (at, phase), cell in load.cells.items() if phase == title}
        return _Aborted(
            title, said, cells if done else {}, f"{title} leaves another schema than before" if changed else ""
        )


def _with_aborts(found: Report, aborts: Sequence[_Aborted]) -> Report:
    """The Report with how statements fared in aborts: those of the old shape have to work there, too."""
    statements = [
        replace(
            each,
            cells={**each.cells, **{abort.title: abort.cells[at] for abort in aborts if at in abort.cells}},
            must=(*each.must, *(abort.title for abort in aborts if at in abort.cells and each.shape != "new")),
        )
        for at, each in enumerate(found.statements)
    ]
    return replace(
        found,
        statements=tuple(statements),
        phases=(*found.phases, *(abort.title for abort in aborts if abort.cells)),
        endings=(*found.endings, *(abort.said for abort in aborts if abort.said)),
        problems=(*found.problems, *(abort.problem for abort in aborts if abort.problem)),
    )


__all__ = ["Options", "rehearsed"]
