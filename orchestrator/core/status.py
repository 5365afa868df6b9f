"""The Status of a Change: one read model for CLI, TUI and pipelines.

Why it exists: screens that disagree are worse than none. Whatever shows a Change shows this value; ``to_json`` is the
interface of ``orch status --json``, to which fields may be added but never renamed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from orchestrator.core.gate import GateStatus
from orchestrator.core.ramp import Rung
from state.machine import TERMINAL, WORKING
from state.model import (
    Approval,
    BackfillRow,
    ComparisonRow,
    Deployment,
    Evidence,
    GateName,
    Glass,
    Hold,
    Rehearsed,
    State,
    StepRow,
    StepStatus,
    Verdict,
)


class Attention(StrEnum):
    """Why an operator should look, in order of urgency."""

    GATE = "GATE"
    FAILED = "FAILED"
    BLOCKED = "BLOCKED"
    THROTTLE = "THROTTLE"
    PAUSED = "PAUSED"
    RUN = "RUN"
    QUEUED = "QUEUED"
    DONE = "DONE"


@dataclass(frozen=True, slots=True)
class LeaseView:
    """Who runs the Change now, for how long still and since how long, by the Registry's clock."""

    owner: str
    fence: int
    seconds_left: float
    seconds_held: float = 0.0


ASKED = frozenset({GateName.CONTRACT, GateName.PURGE})
"""Gates that nobody goes through before ``advance`` was asked for."""
TOGETHER = "everything is held: "
"""What the reason of a hold begins with that was set on all changes at once."""


@dataclass(frozen=True)  # no slots: a screen asks a thousand of them twice a second for what never changes
class Status:
    """Where a Change stands, why, and what is missing.

    ``tuned`` is what people changed of the settings of its backfill, ``control`` all of them as they are now, for people.
    """

    change: str
    title: str
    target: str
    state: State
    version: int
    requester: str
    plan_sha256: str
    updated_at: datetime
    hold: Hold | None = None
    lease: LeaseView | None = None
    requested: GateName | None = None
    gate: GateStatus | None = None
    evidence: Evidence | None = None
    approvals: tuple[Approval, ...] = ()
    steps: tuple[StepRow, ...] = ()
    backfills: tuple[BackfillRow, ...] = ()
    comparisons: tuple[ComparisonRow, ...] = ()
    rejected_rows: int = 0
    tuned: Mapping[str, Any] = field(default_factory=dict)
    control: Mapping[str, Any] = field(default_factory=dict)
    rung: Rung | None = None
    taken_back: bool = False
    glass: tuple[Glass, ...] = ()
    deployed: tuple[Deployment, ...] = ()
    rehearsed: Rehearsed | None = None

    @property
    def needs_word(self) -> bool:
        """Whether the gate ahead opens only once ``advance`` is asked for: contract and purge, and what an undo closed."""
        return self.gate is not None and (self.taken_back or self.gate.phase in ASKED)

    @property
    def failed_step(self) -> StepRow | None:
        """The step whose last attempt failed, if work is in hand."""
        running = [s for s in self.steps if s.error and s.status is StepStatus.RUNNING]
        return running[-1] if running else None

    @cached_property
    def attention(self) -> Attention:
        """The word of the STATE column."""
        if self.state in TERMINAL:
            return Attention.DONE
        if self.hold is not None:
            return Attention.PAUSED
        if self.state in WORKING:
            return self._working()
        return Attention.QUEUED if self.gate is None or self.gate.ready else Attention.GATE

    def _working(self) -> Attention:
        if self.lease is None:
            return Attention.FAILED if self.failed_step else Attention.QUEUED
        if self.failed_step is not None:
            return Attention.BLOCKED
        return Attention.THROTTLE if any(b.throttle for b in self.backfills) else Attention.RUN

    @property
    def why(self) -> str:
        """One sentence: what happens now, or why nothing does; first of all, where glass was broken."""
        if self.state in TERMINAL:
            return self.state.value
        gates = list(dict.fromkeys(each.gate for each in self.glass))
        loud = f"GLASS BROKEN at {' and '.join(gates)}; " if gates else ""
        return loud + self._moves_or_not()

    def _moves_or_not(self) -> str:
        if self.hold is not None:
            return f"held by {self.hold.actor}: {self.hold.reason}"
        if self.state in WORKING:
            return self._work_in_words()
        if self.gate is None:
            return "waits for the next advance"
        if not self.gate.ready:
            # Evidence that is missing is taken by whoever approves or advances: what only others can give is said first.
            first = sorted(self.gate.missing, key=lambda need: need.name == "evidence")
            return "; ".join(_short(need.verdict, need.detail) for need in first)
        if self.needs_word and self.requested is None:
            return f"ready: orch advance {self.change} starts {self.gate.phase.value}"
        return f"ready for {self.gate.phase.value}"

    def _work_in_words(self) -> str:
        if self.failed_step is not None:
            return f"step {self.failed_step.ordinal}: {self.failed_step.error}"
        running = [s for s in self.steps if s.status is StepStatus.RUNNING]
        if self.lease is None and self.rung is not None:
            return str(self.rung)
        if self.lease is None:
            return f"{self.state.value}, but nobody runs it: orch advance {self.change}"
        return running[-1].description if running else self.state.value

    def to_json(self, *, steps: bool = True) -> dict[str, Any]:
        """The JSON shape of design §4."""
        shape: dict[str, Any] = {
            "change": self.change,
            "title": self.title,
            "target": self.target,
            "state": self.state.value,
            "version": self.version,
            "requester": self.requester,
            "attention": self.attention.value,
            "why": self.why,
            "hold": _hold(self.hold),
            "lease": _lease(self.lease),
            "plan_sha256": self.plan_sha256,
            "evidence_sha256": self.gate.evidence_sha256 if self.gate else None,
            "gate": _gate(self.gate),
            "rejected_rows": self.rejected_rows,
            "tuned": dict(self.tuned),
            "control": dict(self.control),
            "ramp": _rung(self.rung),
            "rehearsal": _rehearsal(self),
            "glass": [_glass(each) for each in self.glass],
            "deployed": [_deployed(each) for each in self.deployed],
        }
        if steps:
            shape["steps"] = [_step(row) for row in self.steps]
            shape["backfills"] = [_backfill(row) for row in self.progress]
            shape["comparisons"] = [_comparison(row) for row in self.comparisons]
        return shape

    @property
    def progress(self) -> tuple[BackfillRow, ...]:
        """The backfills as far as they are true now: what nobody runs has no ETA, whatever its worker said last."""
        if self.lease is not None and self.hold is None:
            return self.backfills
        why = f"held by {self.hold.actor}: {self.hold.reason}" if self.hold is not None else "nobody runs it"
        return tuple(_standing_still(row, why) for row in self.backfills)


def _standing_still(row: BackfillRow, why: str) -> BackfillRow:
    nothing: dict[str, Any] = {"eta_seconds": None, "eta_low_seconds": None, "eta_high_seconds": None}
    return replace(row, **nothing, eta_note=why)


def _short(verdict: Verdict, detail: str) -> str:
    return detail if verdict is Verdict.UNKNOWN else f"{verdict.value}: {detail}"


def _hold(hold: Hold | None) -> dict[str, Any] | None:
    if hold is None:
        return None
    return {"reason": hold.reason, "actor": hold.actor, "at": hold.at.isoformat()}


def _lease(lease: LeaseView | None) -> dict[str, Any] | None:
    if lease is None:
        return None
    return {
        "owner": lease.owner,
        "fence": lease.fence,
        "seconds_left": round(lease.seconds_left, 1),
        "seconds_held": round(lease.seconds_held, 1),
    }


def _glass(glass: Glass) -> dict[str, Any]:
    return {
        "gate": glass.gate,
        "actor": glass.actor,
        "reason": glass.reason,
        "skipped": list(glass.skipped),
        "at": glass.at.isoformat(),
    }


def _deployed(found: Deployment) -> dict[str, Any]:
    return {"phase": found.phase, "by": found.by, "version": found.version, "at": found.at.isoformat()}


def ran_elsewhere(found: Deployment) -> str:
    """Which phase was deployed by which tool."""
    return f"{found.phase} was deployed by {found.by}, {found.version}, found at {found.at:%Y-%m-%d %H:%M}Z"


def broken(glass: Glass) -> str:
    """Who went through which gate without what, and why."""
    skipped = ", ".join(glass.skipped)
    return f"{glass.gate} without {skipped}, by {glass.actor} at {glass.at:%Y-%m-%d %H:%M}Z: {glass.reason}"


def _rehearsal(status: Status) -> dict[str, Any] | None:
    found = status.rehearsed
    if found is None or found.at is None:
        return None
    stale = found.plan_sha256 != status.plan_sha256
    return {**asdict(found), "over_budget": list(found.over_budget), "at": found.at.isoformat(), "stale": stale}


def rehearsal_words(status: Status) -> str:
    """The last rehearsal in a sentence; nothing where there was none."""
    found = status.rehearsed
    if found is None or found.at is None:
        return ""
    of = "" if found.plan_sha256 == status.plan_sha256 else "of another plan, "
    verdict = f"{found.faults} faults" if found.faults else "nothing against it"
    return (
        f"{of}on a {found.copy} copy of {found.rows:,} rows, PostgreSQL {found.server}, {found.at:%Y-%m-%d %H:%M}Z by"
        f" {found.actor}: {verdict}; strong locks held {found.hold_ms:.0f} ms, clients waited {found.stall_ms:.0f} ms at most"
    )


def _rung(rung: Rung | None) -> dict[str, Any] | None:
    if rung is None:
        return None
    return {"percent": rung.percent, "then": rung.then, "seconds": round(rung.seconds, 1)}


def _gate(gate: GateStatus | None) -> dict[str, Any] | None:
    if gate is None:
        return None
    return {
        "phase": gate.phase.value,
        "ready": gate.ready,
        "spoken_for": list(gate.spoken_for),
        "requirements": [
            {"kind": n.kind, "name": n.name, "verdict": n.verdict.value, "detail": n.detail} for n in gate.requirements
        ],
    }


def _step(row: StepRow) -> dict[str, Any]:
    return {
        "ordinal": row.ordinal,
        "phase": row.phase,
        "kind": row.kind,
        "description": row.description,
        "status": row.status.value,
        "attempt": row.attempt,
        "error": row.error,
    }


def _backfill(row: BackfillRow) -> dict[str, Any]:
    return {
        "table": row.table,
        "rows_done": row.rows_done,
        "rows_total": row.rows_total,
        "rows_per_second": row.rows_per_second,
        "eta_seconds": row.eta_seconds,
        "throttle": row.throttle,
        "eta_low_seconds": row.eta_low_seconds,
        "eta_high_seconds": row.eta_high_seconds,
        "eta_note": row.eta_note,
        "duty": row.duty,
        "lanes": row.lanes,
        "reasons": [dict(reason) for reason in row.reasons],
        "control": dict(row.control),
    }


def _comparison(row: ComparisonRow) -> dict[str, Any]:
    return {
        "check": row.name,
        "rows_done": row.rows_done,
        "rows_total": row.rows_total,
        "mismatches": row.mismatches,
        "rows_per_second": row.rows_per_second,
        "eta_seconds": row.eta_seconds,
        "throttle": row.throttle,
        "done": row.done,
        "updated_at": row.updated_at.isoformat(),
    }
