"""The words of the Registry as values.

Why it exists: the store, the read models, the machine and every screen speak of the same
rows; they are frozen here once, without a driver, so that all of them can be tested alone.
Times are aware datetimes in UTC, taken from the database clock unless a field says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Phase(StrEnum):
    """The four phases of a Change, in order."""

    EXPAND = "expand"
    BACKFILL = "backfill"
    SWITCH_READS = "switch_reads"
    CONTRACT = "contract"


class GateName(StrEnum):
    """The edges that need evidence and approvals: into each Phase, and into purge."""

    EXPAND = "expand"
    BACKFILL = "backfill"
    SWITCH_READS = "switch_reads"
    CONTRACT = "contract"
    PURGE = "purge"


class State(StrEnum):
    """Where a Change stands. Resting states wait at a Gate; the others have work in hand."""

    PLANNED = "planned"
    EXPANDING = "expanding"
    EXPANDED = "expanded"
    BACKFILLING = "backfilling"
    BACKFILLED = "backfilled"
    SWITCHING = "switching"
    SWITCHED = "switched"
    CONTRACTING = "contracting"
    CONTRACTED = "contracted"
    PURGING = "purging"
    COMPLETED = "completed"
    UNDOING = "undoing"
    UNSWITCHING = "unswitching"
    ABORTING = "aborting"
    ABORTED = "aborted"


class Event(StrEnum):
    """What may be appended to the history. The first part names what it is about."""

    SUBMITTED = "change.submitted"
    REPLANNED = "change.replanned"
    EXPAND_STARTED = "expand.started"
    EXPAND_FINISHED = "expand.finished"
    EXPAND_PASSED = "expand.passed"
    BACKFILL_STARTED = "backfill.started"
    BACKFILL_FINISHED = "backfill.finished"
    BACKFILL_PASSED = "backfill.passed"
    SWITCH_STARTED = "switch_reads.started"
    SWITCH_FINISHED = "switch_reads.finished"
    SWITCH_PASSED = "switch_reads.passed"
    CONTRACT_STARTED = "contract.started"
    CONTRACT_PARKED = "contract.parked"
    CONTRACT_COMPLETED = "contract.completed"
    CONTRACT_PASSED = "contract.passed"
    CONTRACT_ABSENT = "contract.absent"
    PURGE_STARTED = "purge.started"
    PURGE_FINISHED = "purge.finished"
    UNDO_STARTED = "undo.started"
    UNDO_FINISHED = "undo.finished"
    UNSWITCH_STARTED = "unswitch.started"
    UNSWITCH_FINISHED = "unswitch.finished"
    ABORT_STARTED = "abort.started"
    ABORT_FINISHED = "abort.finished"
    STEP_STARTED = "step.started"
    STEP_DONE = "step.done"
    STEP_FAILED = "step.failed"
    STEP_UNDONE = "step.undone"
    STEP_LOST = "step.lost"
    STEP_FOUND = "step.found"
    REGISTRY_BEHIND = "registry.behind"
    LEASE_ACQUIRED = "lease.acquired"
    LEASE_RELEASED = "lease.released"
    APPROVED = "gate.approved"
    REJECTED = "gate.rejected"
    EVIDENCE = "evidence.recorded"
    HELD = "hold.set"
    RESUMED = "hold.lifted"
    REQUESTED = "advance.requested"
    TUNED = "backfill.tuned"
    DEPLOYED = "deploy.attested"
    PHASE_DEPLOYED = "phase.deployed"
    EXPORTED = "change.exported"
    REHEARSED = "rehearsal.recorded"
    BREAK_GLASS = "break_glass.used"


class StepStatus(StrEnum):
    """What the Registry believes of a Step. The Catalog of the Target has the last word."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    UNDONE = "undone"


class Verdict(StrEnum):
    """What a judge says. ``unknown`` blocks like ``fail``."""

    PASS = "pass"  # noqa: S105 - a verdict, not a secret
    FAIL = "fail"
    UNKNOWN = "unknown"


class RegistryEvent(StrEnum):
    """What is said of the whole Registry; its events name no Change (``OF_NONE``)."""

    HOME = "registry.home"
    FROZEN = "freeze.set"
    THAWED = "freeze.lifted"
    CANCELLED = "session.cancelled"


OF_NONE = ""
"""The Change that events of the whole Registry name."""


@dataclass(frozen=True, slots=True)
class Freeze:
    """No phase starts until then; on every Target where ``target`` is None."""

    until: datetime
    reason: str
    actor: str
    at: datetime
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Deploy:
    """A deploy that somebody says has happened."""

    deploy: str
    version: str
    url: str | None
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Glass:
    """A gate that somebody went through without what it asks for: ``skipped`` are the names of that."""

    gate: str
    reason: str
    skipped: tuple[str, ...]
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Deployment:
    """A phase that was found deployed: ``by`` which tool (or whose word), ``version`` as that calls it, found ``at``."""

    phase: str
    by: str
    version: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What the Registry keeps of a rehearsal. ``server`` is a major version, ``size_class`` that of the largest
    table (core.size); ``broken`` counts statements that failed where they must work, ``over_budget`` says in which step what was
    exceeded, ``problems`` how much else spoke against the Plan. Times in ms, ``seconds`` is how long it took.
    """

    plan_sha256: str
    copy: str
    server: int
    size_class: int
    rows: int
    hold_ms: float
    stall_ms: float
    seconds: float
    broken: int = 0
    over_budget: tuple[str, ...] = ()
    problems: int = 0
    actor: str = ""
    at: datetime | None = None

    @property
    def faults(self) -> int:
        """How much speaks against the Plan."""
        return self.broken + len(self.over_budget) + self.problems


@dataclass(frozen=True, slots=True)
class Hold:
    """A pause with a reason: a flag on a Change, never a State."""

    reason: str
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One row of ``orch.change``.

    ``definition`` is the change file as parsed JSON, ``source`` its text. ``plan`` is opaque here:
    ``{"steps": [...], "parks": bool, ...}`` known by ``plan_sha256``. ``version`` grows by one with every event but
    the lease's, so that an action can name what its operator saw. ``requested`` is the gate
    for which ``advance`` was asked (a worker runs contract and purge only then).
    """

    id: str
    title: str
    target: str
    source: str
    definition: Mapping[str, Any]
    plan: Mapping[str, Any]
    plan_sha256: str
    state: State
    version: int
    requester: str
    created_at: datetime
    updated_at: datetime
    hold: Hold | None = None
    requested: GateName | None = None
    switched_at: datetime | None = None
    contracted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StepRow:
    """One row of ``orch.step``. ``definition`` is the Step as opaque JSON."""

    change_id: str
    ordinal: int
    step_id: str
    phase: str
    kind: str
    description: str
    definition: Mapping[str, Any]
    status: StepStatus = StepStatus.PENDING
    attempt: int = 0
    error: str | None = None
    fence: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """Who may run a Change now. ``fence`` only ever grows, ``expires_at`` is the Registry's clock."""

    change_id: str
    owner: str | None
    fence: int
    acquired_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's word on one Gate, bound to the digests of what that person saw."""

    id: int
    change_id: str
    gate: GateName
    decision: str
    approver: str
    plan_sha256: str
    evidence_sha256: str
    reason: str | None
    at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """What one Check saw. ``samples`` are keys, never values.

    ``detail`` is the sentence for people; ``rows`` and ``seconds`` are the effort, ``threshold`` is how many mismatches pass,
    ``server`` where they were counted. All of these stay out of the digest.
    """

    name: str
    definition: str
    verdict: Verdict
    mismatches: int = 0
    samples: tuple[str, ...] = ()
    detail: str = ""
    rows: int = 0
    seconds: float = 0.0
    threshold: int = 0
    server: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All Findings of one run of a Gate's Checks, known by their digest.

    ``at`` is when they were kept; where the work of an earlier run was gone on with, when that one began.
    """

    change_id: str
    gate: GateName
    plan_sha256: str
    sha256: str
    findings: tuple[Finding, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class BackfillRow:
    """Live progress of one Backfill. ``rows_total`` is an estimate; rates are rows per second.

    ``eta_low_seconds`` and ``eta_high_seconds`` are the range around ``eta_seconds``; ``eta_note`` says why there is none.
    ``duty`` is the share of the time in which batches run, over ``lanes``; ``reasons`` are the pressures that count, each
    ``{"signal", "effect", "scale", "detail"}``; ``control`` what the backfill is held to.
    """

    change_id: str
    ordinal: int
    table: str
    rows_done: int
    rows_total: int | None
    rows_per_second: float | None
    eta_seconds: float | None
    throttle: str | None
    updated_at: datetime
    eta_low_seconds: float | None = None
    eta_high_seconds: float | None = None
    eta_note: str | None = None
    duty: float | None = None
    lanes: int | None = None
    reasons: tuple[Mapping[str, Any], ...] = ()
    control: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """How far the comparison of a table for a Finding has come, for people and for whoever goes on with it.

    ``footing`` is the digest of all it rests on: plan, question, table, sync, server. ``position`` is the last key compared;
    ``moment`` and ``late`` are the Target's, for going on. ``rows_total`` is an estimate.
    """

    change_id: str
    gate: GateName
    name: str
    footing: str
    began_at: datetime
    moment: str
    late: bool
    position: tuple[str, ...] | None
    rows_done: int
    rows_total: int | None
    mismatches: int
    samples: tuple[str, ...]
    aside: int
    rows_per_second: float | None
    eta_seconds: float | None
    throttle: str | None
    done: bool
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class EventRow:
    """One link of the chain. ``payload`` is the very text that was hashed; ``data`` is parsed from it."""

    seq: int
    change_id: str
    at: str
    actor: str
    kind: str
    data: Mapping[str, Any]
    payload: str
    prev_sha256: str
    sha256: str


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event about to be appended; sequence, time, actor and hashes are the database's."""

    kind: Event
    data: Mapping[str, Any] = field(default_factory=dict)
