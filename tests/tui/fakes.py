"""Fixed changes and a service in memory.

Why it exists: a screen must be seen in every state, also in those that take days to reach, and a test must be able to
change the world behind an open modal.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestrator.core.audit import Problem
from orchestrator.core.errors import Invalid, OrchError, Stale
from orchestrator.core.gate import GateStatus, Requirement
from orchestrator.core.locks import LockSession, LockWait, TargetLocks
from orchestrator.core.status import TOGETHER, LeaseView, Status
from orchestrator.core.view import CommandView, Identity, RunningView, StepView
from state.machine import TERMINAL
from state.model import (
    Approval,
    BackfillRow,
    EventRow,
    Evidence,
    Finding,
    GateName,
    Hold,
    State,
    StepRow,
    StepStatus,
    Verdict,
)

NOW = datetime(2026, 11, 20, 14, 2, 31, tzinfo=UTC)
SHA = "9f31c2aa77d04b6e" * 4
PLAN = "77ad0112be90c3f5" * 4
IDENTITY = Identity("orders", "pg-prod-1", "ops-a", 180004, "orch")
CONTROL = {"statement_time": "100ms", "max_replica_lag": "5s", "lanes": 1}
LEASE = LeaseView("worker-1", 7, 24.0)


def ago(**parts: float) -> datetime:
    return NOW - timedelta(**parts)


def status(change: str, state: State, **parts: Any) -> Status:
    given: dict[str, Any] = {"title": f"Change {change}", "target": "shop", "version": 7, "requester": "dev-c"}
    given["control"] = CONTROL
    return Status(change=change, state=state, plan_sha256=PLAN, updated_at=ago(minutes=1), **(given | parts))


def step(ordinal: int, phase: str, description: str, **parts: Any) -> StepRow:
    given: dict[str, Any] = {"change_id": "c", "step_id": f"s{ordinal}", "kind": "add_column", "definition": {}}
    return StepRow(ordinal=ordinal, phase=phase, description=description, **(given | parts))


def backfill(done: int, total: int | None, **parts: Any) -> BackfillRow:
    given: dict[str, Any] = {"rows_per_second": 18400.0, "eta_seconds": 860.0, "throttle": None}
    given |= {"eta_low_seconds": 720.0, "eta_high_seconds": 1140.0, "duty": 0.8, "lanes": 1, "control": CONTROL}
    return BackfillRow(
        change_id="c",
        ordinal=3,
        table="orders",
        rows_done=done,
        rows_total=total,
        updated_at=NOW,
        **(given | parts),
    )


def evidence(gate: GateName, sha: str = SHA, *findings: Finding) -> Evidence:
    found = findings or (Finding("shapes_agree", "d", Verdict.PASS, detail="0 of 50,000,000 rows differ"),)
    return Evidence("c", gate, PLAN, sha, found, ago(seconds=48))


def approval(gate: GateName, approver: str = "db1", decision: str = "approve", reason: str = "diff clean") -> Approval:
    return Approval(1, "c", gate, decision, approver, PLAN, SHA, reason, ago(seconds=79), NOW + timedelta(hours=23))


def gate(name: GateName, *needs: Requirement) -> GateStatus:
    ready = all(need.verdict is Verdict.PASS for need in needs)
    return GateStatus(name, ready, needs, SHA)


def need(kind: str, verdict: Verdict, detail: str, name: str = "") -> Requirement:
    return Requirement(kind, name or kind, verdict, detail)


STEPS = (
    step(1, "expand", "add column orders.customer_email", status=StepStatus.DONE, attempt=1),
    step(2, "expand", "keep both columns in sync", status=StepStatus.DONE, attempt=2),
    step(3, "backfill", "fill orders.customer_email", status=StepStatus.RUNNING, attempt=1),
    step(4, "switch_reads", "switch reads by flag"),
    step(5, "contract", "park orders.email"),
)


def at_gate(change: str, state: State, name: GateName, **parts: Any) -> Status:
    needs = (
        need("check", Verdict.PASS, "0 of 50,000,000 rows differ", "shapes_agree"),
        need("approval", Verdict.UNKNOWN, "1 of 2 approvals: db1", "approvals"),
        need("soak", Verdict.PASS, "1h are over"),
    )
    given: dict[str, Any] = {
        "gate": gate(name, *needs),
        "evidence": evidence(name),
        "approvals": (approval(name),),
        "steps": tuple(replace(s, status=StepStatus.DONE) for s in STEPS[:3]) + STEPS[3:],
    }
    return status(change, state, **(given | parts))


def fleet() -> list[Status]:
    """One change in every state of attention, and some more that move."""
    failed = (step(2, "expand", "add constraint", status=StepStatus.RUNNING, attempt=5, error="lock timeout x5"),)
    blocked = (
        step(5, "contract", "park email", status=StepStatus.RUNNING, error="pid 48213 holds ACCESS SHARE on carts"),
    )
    hold = Hold("peak traffic", "db1", ago(hours=1))
    half = {"lease": LEASE, "steps": STEPS}
    lag = backfill(
        20_850_000,
        50_000_000,
        rows_per_second=2100.0,
        eta_seconds=10200.0,
        throttle="replica lag 3.4s",
        duty=0.26,
        reasons=({"signal": "replica_lag", "effect": "slow", "scale": 0.83, "detail": "replica lag 3.4s"},),
    )
    cic = (step(2, "expand", "create index concurrently orders_email_idx", status=StepStatus.RUNNING),)
    moving = [
        status(f"table-{n:02}-bigint", State.BACKFILLING, backfills=(backfill(n * 1_000_000, 30_000_000),), **half)
        for n in range(1, 16)
    ]
    return [
        at_gate("orders-status-enum", State.BACKFILLED, GateName.SWITCH_READS),
        at_gate("orders-customer-email", State.SWITCHED, GateName.CONTRACT, title="Rename orders.email"),
        status("items-sku-notnull", State.EXPANDING, steps=failed),
        status("carts-drop-legacy", State.CONTRACTING, steps=blocked, lease=LEASE),
        status("ledger-amount-num", State.BACKFILLING, backfills=(lag,), **half),
        status("events-tenant-fk", State.BACKFILLING, backfills=(backfill(88, 100),), hold=hold, steps=STEPS),
        status("users-email-citext", State.BACKFILLING, backfills=(backfill(31_604_211, 50_000_000),), **half),
        status("addr-split-cols", State.EXPANDING, lease=LEASE, steps=cic),
        status("prices-add-idx", State.EXPANDED, gate=gate(GateName.BACKFILL)),
        status("invoices-part", State.COMPLETED),
        status("coupons-rename", State.ABORTED, steps=(step(1, "expand", "add", status=StepStatus.UNDONE),)),
        status("parked-old-shape", State.CONTRACTED, gate=gate(GateName.PURGE)),
        *moving,
    ]


def events() -> list[EventRow]:
    told: list[tuple[str, str, str, dict[str, Any]]] = [
        ("2026-11-19T13:02:10Z", "dev-c", "change.submitted", {"plan_sha256": PLAN, "title": "Rename"}),
        ("2026-11-20T13:02:12Z", "worker-1", "step.done", {"ordinal": 1}),
        ("2026-11-20T13:58:40Z", "db1", "evidence.recorded", {"gate": "contract", "sha256": SHA}),
        ("2026-11-20T14:01:12Z", "db1", "gate.approved", {"gate": "contract", "reason": "diff clean"}),
    ]
    chain: list[EventRow] = []
    for at, who, kind, data in told:
        chain.append(following(chain, "orders-customer-email", at, who, kind, data))
    return chain


def following(chain: list[EventRow], change: str, at: str, who: str, kind: str, data: dict[str, Any]) -> EventRow:
    """The next link of a chain, hashed as the database does."""
    seq, prev = len(chain) + 1, chain[-1].sha256 if chain else "0" * 64
    payload = json.dumps({"seq": seq, "change": change, "at": at, "actor": who, "kind": kind, "data": data})
    return EventRow(
        seq, change, at, who, kind, data, payload, prev, hashlib.sha256((prev + payload).encode()).hexdigest()
    )


VIEWS = (
    StepView(
        5,
        "contract",
        "park_column",
        "park orders.email",
        ("ALTER TABLE public.orders RENAME COLUMN email TO _orch_parked_email",),
        "ACCESS EXCLUSIVE on public.orders",
        False,
        False,
        ("ALTER TABLE public.orders RENAME COLUMN _orch_parked_email TO email",),
        "",
        "public.orders",
        50_000_000,
        4_100_000_000,
        "instant: the catalog only",
    ),
)


def session(pid: int, application: str, state: str, seconds: float, statement: str, **parts: Any) -> LockSession:
    started = NOW - timedelta(hours=2)
    return LockSession(pid, started, "app_rw", application, state, "", seconds, seconds, statement, **parts)


LOCKS = (
    TargetLocks(
        "shop",
        (
            session(48213, "batch_job", "idle in transaction", 362.0, "SELECT * FROM carts WHERE note = '…'"),
            session(
                51877, "orch:0:9:5", "active", 1.2, "ALTER TABLE public.carts …", ours=True, change="carts-drop-legacy"
            ),
            session(51902, "shop@2.41", "active", 0.9, "SELECT * FROM carts WHERE id = $1"),
        ),
        (
            LockWait(51877, 48213, "AccessExclusiveLock", "public.carts", "AccessShareLock", 1.2),
            LockWait(51902, 51877, "AccessShareLock", "public.carts", "AccessExclusiveLock (queued)", 0.9),
        ),
    ),
)

EMAIL = "orders-customer-email"
SENT = (
    CommandView(2, "2026-11-20T13:02:11Z", "worker-1", EMAIL, 1, "started", "add column", ("ALTER TABLE a",), ""),
    CommandView(3, "2026-11-20T13:02:12Z", "worker-1", EMAIL, 1, "done", "add column", (), ""),
    CommandView(5, "2026-11-20T13:58:02Z", "worker-2", "items-sku-notnull", 2, "failed", "add constraint", (), "55P03"),
)
AT_WORK = RunningView(48213, "users-email-citext", 3, 12.4, "active", "Lock: relation", "UPDATE users SET x = '…'")


@dataclass(frozen=True)
class Shown:
    """What the service answers about all changes."""

    statuses: tuple[Status, ...]


class FakeService:
    """Keeps changes in a list; records every request; breaks and hangs when told to."""

    def __init__(self, changes: list[Status] | None = None) -> None:
        self.changes = {s.change: s for s in (fleet() if changes is None else changes)}
        self.history = events()
        self.blocked = LOCKS
        self.spoken: list[str] = []
        self.problems: list[Problem] = []
        self.sent = SENT
        self.at_work: tuple[RunningView, ...] = (AT_WORK,)
        self.target_gone: OrchError | None = None
        self.asked: list[tuple[str, str, str | None, int | None]] = []
        self.broken: OrchError | None = None
        self.refuse: OrchError | None = None
        self.hanging = threading.Event()
        self.hanging.set()
        self.closed = False

    def _reach(self) -> None:
        self.hanging.wait(30)
        if self.broken is not None:
            raise self.broken

    def change(self, change: str, **parts: Any) -> None:
        """Somebody else moves a change."""
        self.changes[change] = replace(self.changes[change], **parts)

    def identity(self) -> Identity:
        self._reach()
        return IDENTITY

    def statuses(self) -> list[Status]:
        self._reach()
        return list(self.changes.values())

    def fleet(self, before: object = None) -> Shown:
        return Shown(tuple(self.statuses()))

    def status(self, change_id: str) -> Status:
        self._reach()
        if change_id not in self.changes:
            raise Invalid(f"there is no change {change_id}", "orch status")
        return self.changes[change_id]

    def gate_steps(self, change_id: str) -> tuple[StepView, ...]:
        self._reach()
        return VIEWS

    def events(self, change_id: str | None = None, *, after: int = 0, limit: int | None = None) -> list[EventRow]:
        self._reach()
        return [event for event in self.history if event.seq > after][:limit]

    def latest_events(self, limit: int) -> list[EventRow]:
        self._reach()
        return self.history[-limit:]

    def audit_verify(self) -> list[Problem]:
        self._reach()
        return self.problems

    def tune(self, change_id: str, settings: Mapping[str, Any], *, version: int | None = None) -> Status:
        return self._ask("tune", change_id, str(dict(settings)), version)

    def hints(self, stopped: threading.Event) -> Iterator[str]:
        while not stopped.wait(0.01):
            if self.spoken:
                yield self.spoken.pop(0)

    def locks(self) -> tuple[TargetLocks, ...]:
        self._reach()
        return self.blocked

    def cancel(self, target: str, pid: int, started: datetime, *, active: bool, reason: str) -> str:
        self._reach()
        if self.refuse is not None:
            raise self.refuse
        self.asked.append((f"cancel {target} {'active' if active else 'asleep'}", str(pid), reason, None))
        return f"backend {pid}: ended"

    def commands(self, *, after: int = 0, limit: int = 200) -> tuple[CommandView, ...]:
        self._reach()
        return tuple(each for each in self.sent if each.seq > after)[-limit:]

    def running(self) -> tuple[RunningView, ...]:
        self._reach()
        if self.target_gone is not None:
            raise self.target_gone
        return self.at_work

    def _ask(self, verb: str, change: str, reason: str | None, version: int | None) -> Status:
        self._reach()
        if self.refuse is not None:
            raise self.refuse
        now = self.changes[change]
        if version is not None and version != now.version:
            raise Stale(f"{change} is at version {now.version}, not {version}", f"orch status {change}")
        self.asked.append((verb, change, reason, version))
        self.changes[change] = replace(now, version=now.version + 1)
        return self.changes[change]

    def request(self, change_id: str, *, version: int | None = None) -> Status:
        return self._ask("request", change_id, None, version)

    def approve(
        self, change_id: str, *, gate: GateName | None = None, reason: str | None = None, version: int | None = None
    ) -> Status:
        return self._ask("approve", change_id, reason, version)

    def reject(
        self, change_id: str, *, reason: str, gate: GateName | None = None, version: int | None = None
    ) -> Status:
        return self._ask("reject", change_id, reason, version)

    def pause(self, change_id: str, *, reason: str, version: int | None = None) -> Status:
        return self._ask("pause", change_id, reason, version)

    def resume(self, change_id: str, *, reason: str | None = None, version: int | None = None) -> Status:
        return self._ask("resume", change_id, reason, version)

    def hold_everything(self, *, reason: str) -> list[str]:
        self._reach()
        free = [s for s in self.changes.values() if s.hold is None and s.state not in TERMINAL]
        for each in free:
            self.change(each.change, hold=Hold(TOGETHER + reason, "ops-a", NOW))
        self.asked.append(("hold everything", "*", reason, None))
        return [each.change for each in free]

    def let_go(self, *, reason: str | None = None) -> list[str]:
        self._reach()
        held = [s for s in self.changes.values() if s.hold is not None and s.hold.reason.startswith(TOGETHER)]
        for each in held:
            self.change(each.change, hold=None)
        self.asked.append(("let go", "*", reason, None))
        return [each.change for each in held]

    def abort(self, change_id: str, *, reason: str, version: int | None = None) -> Status:
        return self._ask("abort", change_id, reason, version)

    def undo(self, change_id: str, *, reason: str, version: int | None = None) -> Status:
        return self._ask("undo", change_id, reason, version)

    def close(self) -> None:
        self.closed = True


Change = Callable[[FakeService], None]
