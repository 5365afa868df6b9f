"""What the Registry holds of one Change or of all, gathered in as many questions for all as for one.

Why it exists: a Status rests on six tables. Asked Change by Change, a list of hundreds takes hundreds of times as long, and
it is drawn once a second by everybody who watches.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Select,
    Table,
    case,
    cast,
    func,
    literal,
    literal_column,
    select,
    true,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import JSONB, distinct_on

from state import freezes, queries, rows, tables
from state.errors import UnknownChange
from state.machine import GATE_AHEAD, MOVES, TERMINAL
from state.model import (
    OF_NONE,
    BackfillRow,
    ChangeRow,
    ComparisonRow,
    Deploy,
    Deployment,
    Event,
    EventRow,
    Evidence,
    Freeze,
    GateName,
    Glass,
    Rehearsed,
    StepRow,
)
from state.queries import LeaseView, Standing, StandingApproval

LATELY = timedelta(days=7)
"""How long after its end a Change is still compared with its Target: whoever falls back further restores a backup."""

_BACK = frozenset({Event.UNSWITCH_FINISHED.value, Event.UNDO_FINISHED.value})


_OUTLINE = type_coerce(
    literal_column(
        "jsonb_build_object('gates', plan->'gates', 'checks', plan->'checks', 'steps', (SELECT"
        " coalesce(jsonb_agg(jsonb_build_object('phase', s->'phase')), '[]') FROM jsonb_array_elements(plan->'steps') s))"
    ),
    JSONB,
)
_ASKED = type_coerce(
    literal_column(
        "jsonb_strip_nulls(jsonb_build_object('switch_reads', definition->'switch_reads', 'backfill', definition->'backfill'))"
    ),
    JSONB,
)


@dataclass(frozen=True, slots=True)
class Known:
    """One Change with everything about it. ``evidence`` is the latest at the gate ahead, under the Plan of today.

    ``rests_since`` is when it came to where it is, ``taken_back`` whether somebody's undo brought it there;
    ``now`` the Registry's clock; ``asked`` whether ``advance`` was asked for
    after evidence was taken last; ``tuned`` what the backfill is held to instead of what the file says; ``freezes`` are those
    that bind it, ``deploys`` what was attested since it came to where it is; ``glass`` where somebody broke it,
    ``deployed`` the phases that another tool was found to have deployed, ``exports`` the versions that files of it bear, by
    tool and Plan; ``outdated``
    is what the last approver saw whose approval of the gate ahead other findings have voided, ``rehearsed`` its last rehearsal.
    """

    change: ChangeRow
    lease: LeaseView
    steps: tuple[StepRow, ...]
    backfills: tuple[BackfillRow, ...]
    comparisons: tuple[ComparisonRow, ...]
    approvals: tuple[StandingApproval, ...]
    evidence: Evidence | None
    rests_since: datetime | None
    taken_back: bool
    asked: bool
    now: datetime
    tuned: Mapping[str, Any] = field(default_factory=dict)
    freezes: tuple[Freeze, ...] = ()
    deploys: tuple[Deploy, ...] = ()
    glass: tuple[Glass, ...] = ()
    deployed: tuple[Deployment, ...] = ()
    exports: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    outdated: Evidence | None = None
    rehearsed: Rehearsed | None = None


def one(connection: Connection, change_id: str) -> Known:
    """One Change. Raises UnknownChange."""
    found = _known(connection, [queries.change(connection, change_id)])
    if not found:
        raise UnknownChange(change_id)
    return found[0]


def everything(connection: Connection) -> list[Known]:
    """All Changes, the oldest first, with all of their Plans."""
    return _known(connection, queries.changes(connection))


def outlines(connection: Connection) -> list[Known]:
    """All Changes, as ``some``."""
    return _outlined(connection, true())


def some(connection: Connection, change_ids: Collection[str]) -> list[Known]:
    """These Changes, the oldest first, for who only looks: of a Plan only phases, gates and checks, of a file only how it
    switches reads and backfills.

    Reading all of a thousand Plans takes most of a second.
    """
    return _outlined(connection, tables.change.c.id == func.any(list(change_ids)))


def _outlined(connection: Connection, which: ColumnElement[bool]) -> list[Known]:
    column = tables.change.c
    others = [each for each in column if each.name not in ("plan", "definition", "source")]
    told = (_OUTLINE.label("plan"), _ASKED.label("definition"), literal("").label("source"))
    query = select(*others, *told).where(which).order_by(column.created_at, column.id)
    return _known(connection, [rows.change_row(row) for row in connection.execute(query)], defined=False)


@dataclass(frozen=True, slots=True)
class Figures:
    """What moves without an event: who runs a Change, and how far it is."""

    lease: LeaseView
    backfills: tuple[BackfillRow, ...]
    comparisons: tuple[ComparisonRow, ...]


def figures(connection: Connection, change_ids: Collection[str]) -> dict[str, Figures]:
    """The figures of some Changes; comparisons of every gate."""
    ids = list(change_ids)
    backfills = _grouped(rows.backfill_row(row) for row in _of(connection, tables.backfill, ids, "ordinal"))
    comparisons = _grouped(rows.comparison_row(row) for row in _of(connection, tables.comparison, ids, "name"))
    return {
        view.lease.change_id: Figures(
            view, tuple(backfills[view.lease.change_id]), tuple(comparisons[view.lease.change_id])
        )
        for view in queries.leases(connection, ids)
    }


def with_figures(known: Known, figures_: Figures, now: datetime) -> Known:
    """What is known of a Change, with other figures."""
    here = tuple(each for each in figures_.comparisons if each.gate is GATE_AHEAD.get(known.change.state))
    return replace(known, lease=figures_.lease, backfills=figures_.backfills, comparisons=here, now=now)


def ended_lately(connection: Connection) -> list[Known]:
    """Changes that are over, and were not yet LATELY."""
    column = tables.change.c
    lately = func.clock_timestamp() - column.updated_at < LATELY
    query = select(tables.change).where(column.state.in_([state.value for state in TERMINAL]), lately)
    found = connection.execute(query.order_by(column.created_at, column.id))
    return _known(connection, [rows.change_row(row) for row in found])


def _known(connection: Connection, changes: Sequence[ChangeRow], *, defined: bool = True) -> list[Known]:
    ids = [change.id for change in changes]
    resting = [change.id for change in changes if change.state in GATE_AHEAD]
    leases = {view.lease.change_id: view for view in queries.leases(connection, ids)}
    found = _of(connection, tables.step, ids, "ordinal") if defined else _bare_steps(connection, ids)
    steps = _grouped(map(rows.step_row, found))
    backfills = _grouped(rows.backfill_row(row) for row in _of(connection, tables.backfill, ids, "ordinal"))
    comparisons = _grouped(rows.comparison_row(row) for row in _of(connection, tables.comparison, resting, "name"))
    said = _of(connection, tables.approval_standing, resting if len(ids) > 1 else ids, "id")
    approvals: dict[str, list[StandingApproval]] = defaultdict(list)
    for row in said:
        approvals[row.change_id].append(queries.standing_approval(row))
    evidence = _evidence(connection, resting)
    moved = _moved(connection, resting)
    since = {change_id: at for change_id, (at, _) in moved.items()}
    back = {change_id for change_id, (_, kind) in moved.items() if kind in _BACK}
    asked = _asked(connection, resting)
    said_of = queries.said(connection, [*ids, OF_NONE])
    outdated = _outdated(connection, changes, approvals)
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    words = _words(said_of, changes, since, now)
    return [
        Known(
            change=change,
            lease=leases[change.id],
            steps=tuple(steps[change.id]),
            backfills=tuple(backfills[change.id]),
            comparisons=tuple(each for each in comparisons[change.id] if each.gate is GATE_AHEAD.get(change.state)),
            approvals=tuple(approvals[change.id]),
            evidence=evidence.get((change.id, str(GATE_AHEAD.get(change.state)), change.plan_sha256)),
            rests_since=since.get(change.id),
            taken_back=change.id in back,
            asked=change.id in asked,
            now=now,
            outdated=outdated.get(change.id),
            **words[change.id],
        )
        for change in changes
    ]


def _words(
    told: Sequence[EventRow], changes: Sequence[ChangeRow], since: Mapping[str, datetime], now: datetime
) -> dict[str, dict[str, Any]]:
    """What only the history keeps, by Change."""
    tuned, deploys, glass = queries.tuned(told), queries.deploys(told), queries.glasses(told)
    deployed, exports = queries.deployments(told), queries.exports(told)
    rehearsed, frozen = queries.rehearsals(told), freezes.standing(told, now)
    return {
        change.id: {
            "tuned": tuned.get(change.id, {}),
            "freezes": tuple(each for each in frozen if each.target in (None, change.target)),
            "deploys": tuple(each for each in deploys.get(change.id, ()) if each.at >= since.get(change.id, now)),
            "glass": tuple(glass.get(change.id, ())),
            "deployed": tuple(deployed.get(change.id, ())),
            "exports": exports.get(change.id, {}),
            "rehearsed": rehearsed.get(change.id),
        }
        for change in changes
    }


def _of(connection: Connection, table: Table, ids: Collection[str], order: str) -> Sequence[Any]:
    column = table.c
    query = select(table).where(column.change_id == func.any(ids)).order_by(column.change_id, column[order])
    return connection.execute(query).all()


def _bare_steps(connection: Connection, ids: Collection[str]) -> Sequence[Any]:
    column = tables.step.c
    switches = column.phase == GateName.SWITCH_READS.value
    bare = case((switches, column.definition), else_=None).label("definition")
    others = [each for each in column if each.name != "definition"]
    query = select(*others, bare).where(column.change_id == func.any(ids)).order_by(column.change_id, column.ordinal)
    return connection.execute(query).all()


def _grouped(found: Iterable[Any]) -> dict[str, list[Any]]:
    by_change: dict[str, list[Any]] = defaultdict(list)
    for row in found:
        by_change[row.change_id].append(row)
    return by_change


def _evidence(connection: Connection, ids: Collection[str]) -> dict[tuple[str, str, str], Evidence]:
    """The latest of each Change, gate and Plan."""
    column = tables.evidence.c
    key = (column.change_id, column.gate, column.plan_sha256)
    query = select(tables.evidence).where(column.change_id == func.any(ids))
    query = query.ext(distinct_on(*key)).order_by(*key, column.id.desc())
    found = [rows.evidence_row(row) for row in connection.execute(query)]
    return {(each.change_id, each.gate.value, each.plan_sha256): each for each in found}


def _outdated(
    connection: Connection, changes: Sequence[ChangeRow], said: Mapping[str, Sequence[StandingApproval]]
) -> dict[str, Evidence]:
    wanted = {}
    for change in changes:
        void = [a.approval for a in said.get(change.id, ()) if a.standing is Standing.EVIDENCE]
        here = [a.evidence_sha256 for a in void if a.gate is GATE_AHEAD.get(change.state)]
        if here:
            wanted[change.id] = here[-1]
    if not wanted:
        return {}
    column = tables.evidence.c
    query = select(tables.evidence).where(column.change_id == func.any(list(wanted))).order_by(column.id)
    found = connection.execute(query.where(column.sha256 == func.any(list(wanted.values()))))
    kept = {(row.change_id, row.sha256): rows.evidence_row(row) for row in found}
    return {change: kept[change, sha256] for change, sha256 in wanted.items() if (change, sha256) in kept}


def _moved(connection: Connection, ids: Collection[str]) -> dict[str, tuple[datetime, str]]:
    """When each came to where it is, and by which event."""
    column = tables.event.c
    query = select(column.change_id, cast(column.at, DateTime(timezone=True)), column.kind)
    query = query.ext(distinct_on(column.change_id)).where(*_told(ids, (event.value for event in MOVES)))
    found = connection.execute(query.order_by(column.change_id, column.seq.desc()))
    return {row[0]: (row[1], row[2]) for row in found}


def _asked(connection: Connection, ids: Collection[str]) -> set[str]:
    column = tables.event.c
    query = select(column.change_id, column.kind).ext(distinct_on(column.change_id))
    query = query.where(*_told(ids, (Event.REQUESTED.value, Event.EVIDENCE.value)))
    last = _pairs(connection, query.order_by(column.change_id, column.seq.desc()))
    return {change_id for change_id, kind in last.items() if kind == Event.REQUESTED.value}


def _told(ids: Collection[str], kinds: Iterable[str]) -> tuple[Any, Any]:
    column = tables.event.c
    return column.change_id == func.any(ids), column.kind == func.any(list(kinds))


def _pairs(connection: Connection, query: Select[Any]) -> dict[str, Any]:
    return {row[0]: row[1] for row in connection.execute(query)}
