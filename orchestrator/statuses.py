"""Puts together the Status of a Change from what the Registry holds.

Why it exists: gates are judged by ``core.gate`` over facts; collecting those facts from the read models is done once, here,
and without the Plan's classes, so that ``orch status`` starts quickly.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from orchestrator.core import control as controls
from orchestrator.core import ramp
from orchestrator.core.gate import GateFacts, GatePolicy, GateStatus, judge
from orchestrator.core.status import LeaseView, Status
from orchestrator.core.view import Identity
from state.digest import NO_FINDINGS
from state.known import Known
from state.machine import GATE_AHEAD, Shape
from state.model import ChangeRow, Evidence, GateName, Phase, State
from state.queries import Standing


def shape(row: ChangeRow) -> Shape:
    """What the machine must know of the stored Plan."""
    return Shape(frozenset(phase for phase in Phase if phase.value in _phases(row)), "purge" in _phases(row))


def _phases(row: ChangeRow) -> frozenset[str]:
    steps: list[Mapping[str, Any]] = row.plan["steps"]
    return frozenset(step["phase"] for step in steps)


def policy(row: ChangeRow, gate: GateName) -> GatePolicy:
    """What the gate asks for, as stored with the Plan."""
    stored = row.plan["gates"].get(gate.value)
    return GatePolicy(**stored) if stored else GatePolicy()


def status(known: Known, *, full: bool, control: Mapping[str, Any] | None = None) -> Status:
    """The Status of one Change; approvals only if it is wanted in full. ``control`` where it is known already."""
    row, lease, name = known.change, known.lease, GATE_AHEAD.get(known.change.state)
    held = LeaseView(lease.lease.owner or "", lease.lease.fence, lease.seconds_left, lease.seconds_held)
    return Status(
        change=row.id,
        title=row.title,
        target=row.target,
        state=row.state,
        version=row.version,
        requester=row.requester,
        plan_sha256=row.plan_sha256,
        updated_at=row.updated_at,
        hold=row.hold,
        lease=held if lease.held else None,
        requested=row.requested,
        gate=gate(known, name) if name is not None and name.value in _phases(row) else None,
        evidence=known.evidence,
        rejected_rows=_rejected(known.evidence),
        approvals=tuple(a.approval for a in known.approvals) if full else (),
        steps=known.steps,
        backfills=known.backfills,
        comparisons=known.comparisons,
        tuned=known.tuned,
        control=_control(known) if control is None else control,
        rung=ramp.standing(known.steps, known.now) if row.state is State.SWITCHING else None,
        taken_back=known.taken_back,
        glass=known.glass,
        deployed=known.deployed,
        rehearsed=known.rehearsed,
    )


def _control(known: Known) -> dict[str, Any]:
    """What the backfill is held to: what the file says, and what people tuned since."""
    said = known.change.definition.get("backfill")
    if not said and not known.tuned:
        return dict(_BY_DEFAULT)
    return controls.shown(controls.tuned(controls.control(said or {}), known.tuned))


_BY_DEFAULT = controls.shown(controls.Control())


def _rejected(evidence: Evidence | None) -> int:
    """Rows that do not convert, as the Checks of the gate ahead last counted them."""
    if evidence is None:
        return 0
    return sum(found.mismatches for found in evidence.findings if found.name.startswith("no_rejected_rows"))


def gate(known: Known, name: GateName) -> GateStatus:
    """The Gate ahead as it stands now, by the Registry's clock."""
    row, evidence = known.change, known.evidence
    said = [a for a in known.approvals if a.approval.gate is name]
    rejections = [
        a.approval for a in said if a.approval.decision == "reject" and a.approval.plan_sha256 == row.plan_sha256
    ]
    facts = GateFacts(
        gate=name,
        policy=policy(row, name),
        plan_sha256=row.plan_sha256,
        evidence_sha256=evidence.sha256 if evidence else NO_FINDINGS,
        evidence=evidence,
        checks_expected=name.value in row.plan["checks"],
        approvals=tuple(a.approval for a in said if a.counts),
        rejection=rejections[-1] if rejections else None,
        void=sum(1 for a in said if a.standing in (Standing.PLAN, Standing.EVIDENCE)),
        requester=row.requester,
        since=_since(known, name),
        hold=row.hold,
        now=known.now,
        freezes=known.freezes,
        awaits=_awaits(row, name),
        deploys=known.deploys,
        outdated=known.outdated,
    )
    return judge(facts)


def _awaits(row: ChangeRow, name: GateName) -> str | None:
    """The deploy by which readers switch, where they do not ask orch."""
    switch = row.definition.get("switch_reads") or {}
    if name is not GateName.SWITCH_READS or switch.get("by") != "external":
        return None
    return switch.get("deploy") or ""


def _since(known: Known, name: GateName) -> datetime | None:
    """When soak began: contract from the switch, purge from contract, the others from the last move."""
    if name is GateName.CONTRACT:
        return known.change.switched_at
    return known.change.contracted_at if name is GateName.PURGE else known.rests_since


_IDENTITY = """
SELECT current_database(), coalesce(host(inet_server_addr()), 'local socket'), session_user,
       current_setting('server_version_num')::int
"""


def identity(connection: Connection) -> Identity:
    """Where the Registry is and as whom we are connected."""
    row = connection.execute(text(_IDENTITY)).one()
    return Identity(row[0], row[1], row[2], row[3], f"{row[0]} on {row[1]}")
