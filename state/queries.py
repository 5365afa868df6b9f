"""Read models: everything a screen, a gate or an audit asks of the Registry.

Why it exists: one place reads, so that CLI, TUI, worker and audit say the same. Every function takes a connection;
``Registry.reading()`` gives one with a single snapshot, over which several answers fit together. Time is the
database's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Double, Text, cast, func, select, text

from state import rows, tables
from state.errors import UnknownChange
from state.model import (
    Approval,
    BackfillRow,
    ChangeRow,
    Deploy,
    Deployment,
    Event,
    EventRow,
    Evidence,
    GateName,
    Glass,
    LeaseRow,
    RegistryEvent,
    Rehearsed,
    StepRow,
)

TARGET_FENCE = "target_fence"
"""What ``lease.acquired`` names where the Target's fence was greater than any that the Registry remembers giving."""


class Standing(StrEnum):
    """What a decision at a Gate is worth now. Only ``valid`` counts.

    ``rejected``: it is a reject, or a later reject took it back. ``spent``: the reads have been switched (there, or back
    again), or contract done, since it was given; after an undo people are asked again.
    """

    VALID = "valid"
    EXPIRED = "expired"
    PLAN = "voided-by-plan"
    EVIDENCE = "voided-by-evidence"
    REJECTED = "rejected"
    SPENT = "spent"


@dataclass(frozen=True, slots=True)
class StandingApproval:
    """A decision and what it is worth now."""

    approval: Approval
    standing: Standing

    @property
    def counts(self) -> bool:
        """Whether the Gate may count it."""
        return self.standing is Standing.VALID


@dataclass(frozen=True, slots=True)
class LeaseView:
    """A Lease by the database's clock. ``seconds_left`` is 0 when nobody holds it, ``seconds_held`` how long it was held."""

    lease: LeaseRow
    held: bool
    seconds_left: float
    seconds_held: float


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: what to anchor outside."""

    seq: int
    sha256: str


def change(connection: Connection, change_id: str) -> ChangeRow:
    """One Change. Raises UnknownChange."""
    found = connection.execute(select(tables.change).where(tables.change.c.id == change_id)).one_or_none()
    if found is None:
        raise UnknownChange(change_id)
    return rows.change_row(found)


def changes(connection: Connection) -> list[ChangeRow]:
    """All Changes, the oldest first."""
    order = (tables.change.c.created_at, tables.change.c.id)
    return [rows.change_row(row) for row in connection.execute(select(tables.change).order_by(*order))]


def change_ids(connection: Connection) -> list[str]:
    """The ids of all Changes, the oldest first."""
    column = tables.change.c
    return list(connection.execute(select(column.id).order_by(column.created_at, column.id)).scalars())


def approvals_needed(connection: Connection, change_id: str) -> dict[str, int]:
    """How many people each Gate asks for; a Gate not named asks for one. Raises UnknownChange."""
    column = tables.change.c
    found = connection.execute(select(column.approvals_needed).where(column.id == change_id)).one_or_none()
    if found is None:
        raise UnknownChange(change_id)
    return {str(gate): int(count) for gate, count in found.approvals_needed.items()}


def all_approvals_needed(connection: Connection) -> dict[str, dict[str, int]]:
    """How many people the Gates of each Change ask for, for the audit."""
    column = tables.change.c
    return {
        row.id: dict(row.approvals_needed) for row in connection.execute(select(column.id, column.approvals_needed))
    }


def steps(connection: Connection, change_id: str) -> list[StepRow]:
    """The Steps of a Change in order. Raises UnknownChange."""
    column = tables.step.c
    query = select(tables.step).where(column.change_id == change_id).order_by(column.ordinal)
    found = [rows.step_row(row) for row in connection.execute(query)]
    return found or _none_of(connection, change_id)


def all_steps(connection: Connection) -> list[StepRow]:
    """The Steps of all Changes, for the audit."""
    column = tables.step.c
    query = select(tables.step).order_by(column.change_id, column.ordinal)
    return [rows.step_row(row) for row in connection.execute(query)]


def lease(connection: Connection, change_id: str) -> LeaseView:
    """The Lease of a Change. Raises UnknownChange."""
    found = leases(connection, [change_id])
    if not found:
        raise UnknownChange(change_id)
    return found[0]


def leases(connection: Connection, change_ids: Collection[str]) -> list[LeaseView]:
    """The Leases of some Changes, in no order."""
    column = tables.lease.c
    left = cast(func.extract("epoch", column.expires_at - func.clock_timestamp()), Double)
    held = cast(func.extract("epoch", func.clock_timestamp() - column.acquired_at), Double)
    query = select(tables.lease, left.label("left"), held.label("held")).where(column.change_id == func.any(change_ids))
    return [_lease_view(row) for row in connection.execute(query)]


def _lease_view(row: rows.AnyRow) -> LeaseView:
    left = max(0.0, row.left or 0.0)
    return LeaseView(rows.lease_row(row), left > 0, left, max(0.0, row.held or 0.0))


def approvals(connection: Connection, change_id: str, gate: GateName | str | None = None) -> list[StandingApproval]:
    """What people said, in order, each with what it is worth now. Raises UnknownChange."""
    column = tables.approval_standing.c
    query = select(tables.approval_standing).where(column.change_id == change_id).order_by(column.id)
    if gate is not None:
        query = query.where(column.gate == str(gate))
    found = [standing_approval(row) for row in connection.execute(query)]
    return found or _none_of(connection, change_id)


def standing_approval(row: rows.AnyRow) -> StandingApproval:
    """One row of the view over approvals."""
    return StandingApproval(rows.approval_row(row), Standing(row.standing))


def all_approvals(connection: Connection) -> list[Approval]:
    """What people said of all Changes, for the audit."""
    return [
        rows.approval_row(row) for row in connection.execute(select(tables.approval).order_by(tables.approval.c.id))
    ]


def all_evidence(connection: Connection) -> list[Evidence]:
    """What Checks saw of all Changes, for the audit."""
    return [
        rows.evidence_row(row) for row in connection.execute(select(tables.evidence).order_by(tables.evidence.c.id))
    ]


def may_record_evidence(connection: Connection) -> bool:
    """Whether our role may keep what Checks see; a login that only decides leaves that to a worker."""
    right = func.has_table_privilege("orch.evidence", "INSERT")
    return bool(connection.execute(select(right)).scalar_one())


def latest_evidence(connection: Connection, change_id: str, gate: GateName | str) -> Evidence | None:
    """What the Checks of a Gate saw last, under the Plan of today; evidence about an older Plan is none.

    Raises UnknownChange.
    """
    plan = change(connection, change_id).plan_sha256
    column = tables.evidence.c
    about = (column.change_id == change_id, column.gate == str(gate), column.plan_sha256 == plan)
    query = select(tables.evidence).where(*about).order_by(column.id.desc()).limit(1)
    found = connection.execute(query).one_or_none()
    return rows.evidence_row(found) if found is not None else None


def evidence_age_seconds(connection: Connection, change_id: str, gate: GateName | str) -> float | None:
    """How old ``latest_evidence`` is by the database's clock; None without any. Raises UnknownChange."""
    latest = latest_evidence(connection, change_id, gate)
    if latest is None:
        return None
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return max(0.0, (now - latest.at).total_seconds())


def backfills(connection: Connection, change_id: str) -> list[BackfillRow]:
    """Live progress of the Backfills of a Change. Raises UnknownChange."""
    column = tables.backfill.c
    query = select(tables.backfill).where(column.change_id == change_id).order_by(column.ordinal)
    return [rows.backfill_row(row) for row in connection.execute(query)] or _none_of(connection, change_id)


def events(
    connection: Connection, change_id: str | None = None, *, after_seq: int = 0, limit: int | None = None
) -> list[EventRow]:
    """The history in order: of one Change or of all, after a sequence number. Raises UnknownChange."""
    query = select(tables.event).where(tables.event.c.seq > after_seq).order_by(tables.event.c.seq).limit(limit)
    if change_id is not None:
        query = query.where(tables.event.c.change_id == change_id)
    found = [rows.event_row(row) for row in connection.execute(query)]
    return found or (_none_of(connection, change_id) if change_id is not None else [])


def latest(
    connection: Connection, limit: int, *, kinds: Collection[Event] | None = None, after_seq: int = 0
) -> list[EventRow]:
    """The last events of all Changes after a sequence number, of these kinds or of all, oldest first."""
    column = tables.event.c
    wanted = column.seq > after_seq
    if kinds is not None:
        wanted &= column.kind.in_([kind.value for kind in kinds])
    query = select(tables.event).where(wanted).order_by(column.seq.desc()).limit(limit)
    return [rows.event_row(row) for row in connection.execute(query)][::-1]


def is_behind(connection: Connection, change_id: str) -> bool:
    """Whether a Lease was taken beyond the Target's fence, and what that means was not yet recorded."""
    column = tables.event.c
    beyond = (column.kind == Event.LEASE_ACQUIRED.value) & column.payload.contains(f'"{TARGET_FENCE}"')
    told = (column.change_id == change_id, beyond | (column.kind == Event.REGISTRY_BEHIND.value))
    query = select(column.kind).where(*told).order_by(column.seq.desc()).limit(1)
    last = connection.execute(query).scalar_one_or_none()
    return bool(last == Event.LEASE_ACQUIRED.value)


def head(connection: Connection) -> Head:
    """Where the chain ends."""
    found = connection.execute(select(tables.event_head.c.seq, tables.event_head.c.sha256)).one()
    return Head(found.seq, found.sha256)


def registry_identity(connection: Connection) -> dict[str, str]:
    """Which database this is, for an anchor kept outside: its name, and the server's system identifier if we may ask."""
    name = select(func.current_database(), func.has_function_privilege("pg_control_system()", "EXECUTE"))
    database, may_ask = connection.execute(name).one()
    told = {"database": str(database)}
    if may_ask:
        system = text("SELECT system_identifier FROM pg_control_system()")
        told["system"] = str(connection.execute(system).scalar_one())
    return told


def identity(connection: Connection) -> str:
    """Who we are to the Registry: the name under which approvals and events are written."""
    return str(connection.execute(select(cast(func.session_user(), Text))).scalar_one())


def now(connection: Connection) -> datetime:
    """The database's clock."""
    moment: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return moment


SAID = (
    Event.TUNED,
    Event.REPLANNED,
    Event.DEPLOYED,
    Event.PHASE_DEPLOYED,
    Event.EXPORTED,
    Event.BREAK_GLASS,
    Event.REHEARSED,
    RegistryEvent.FROZEN,
    RegistryEvent.THAWED,
)
"""What people say that only the history keeps."""


def said(connection: Connection, change_ids: Collection[str]) -> list[EventRow]:
    """What people said of some Changes (``OF_NONE``: of the whole Registry) that only the history keeps, in order."""
    column = tables.event.c
    told = (column.change_id == func.any(list(change_ids)), column.kind == func.any([event.value for event in SAID]))
    query = select(tables.event).where(*told).order_by(column.seq)
    return [rows.event_row(row) for row in connection.execute(query)]


def tuned(events: Iterable[EventRow]) -> dict[str, dict[str, Any]]:
    """What people tuned of each Change since it was planned, later words over earlier ones."""
    found: dict[str, dict[str, Any]] = {}
    for event in events:
        if event.kind == Event.TUNED.value:
            found.setdefault(event.change_id, {}).update(event.data)
        elif event.kind == Event.REPLANNED.value:
            found.pop(event.change_id, None)
    return found


def deploys(events: Iterable[EventRow]) -> dict[str, list[Deploy]]:
    """What was attested of each Change, in order."""
    found: dict[str, list[Deploy]] = {}
    for event in events:
        if event.kind == Event.DEPLOYED.value:
            deploy, version, url = (event.data.get(name) for name in ("deploy", "version", "url"))
            attested = Deploy(str(deploy), str(version), url, event.actor, datetime.fromisoformat(event.at))
            found.setdefault(event.change_id, []).append(attested)
    return found


def deployments(events: Iterable[EventRow]) -> dict[str, list[Deployment]]:
    """Which phases of each Change another tool was found to have deployed, in order."""
    found: dict[str, list[Deployment]] = {}
    for event in events:
        if event.kind == Event.PHASE_DEPLOYED.value:
            phase, by, at = (str(event.data.get(name)) for name in ("phase", "by", "at"))
            found.setdefault(event.change_id, []).append(Deployment(phase, by, at, datetime.fromisoformat(event.at)))
    return found


def exports(events: Iterable[EventRow]) -> dict[str, dict[tuple[str, str], tuple[str, ...]]]:
    """Which versions the files of each Change were last given, by tool and Plan, in order."""
    found: dict[str, dict[tuple[str, str], tuple[str, ...]]] = {}
    for event in events:
        if event.kind == Event.EXPORTED.value:
            key = (str(event.data.get("tool")), str(event.data.get("plan_sha256")))
            found.setdefault(event.change_id, {})[key] = tuple(map(str, event.data.get("versions") or ()))
    return found


def glasses(events: Iterable[EventRow]) -> dict[str, list[Glass]]:
    """Where glass was broken, by Change, in order."""
    found: dict[str, list[Glass]] = {}
    for event in events:
        if event.kind == Event.BREAK_GLASS.value:
            gate, reason, skipped = (event.data.get(name) for name in ("gate", "reason", "skipped"))
            at, names = datetime.fromisoformat(event.at), tuple(str(name) for name in skipped or ())
            found.setdefault(event.change_id, []).append(Glass(str(gate), str(reason), names, event.actor, at))
    return found


def rehearsals(events: Iterable[EventRow]) -> dict[str, Rehearsed]:
    """The latest rehearsal of each Change, of whichever Plan."""
    found: dict[str, Rehearsed] = {}
    for event in events:
        if event.kind == Event.REHEARSED.value:
            facts = {field.name: event.data[field.name] for field in fields(Rehearsed) if field.name in event.data}
            facts |= {"over_budget": tuple(facts["over_budget"]), "actor": event.actor}
            found[event.change_id] = Rehearsed(**facts, at=datetime.fromisoformat(event.at))
    return found


def _none_of(connection: Connection, change_id: str) -> list[Any]:
    """Nothing found: either there is nothing, or there is no such Change."""
    change(connection, change_id)
    return []
