"""Evidence and decisions at a Gate.

Why it exists: the database itself judges who may approve what (``orch.decide_gate``), so that no client can talk its
way past it. This module calls it and gives each refusal its class and the operator's next step.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Integer, Interval, Text, cast, func, insert, select
from sqlalchemy.exc import DBAPIError

from state import rows, tables
from state.digest import evidence_sha256
from state.errors import (
    AlreadyApproved,
    DecisionRefused,
    NotAtGate,
    NotGranted,
    ReasonRequired,
    RegistryError,
    RequesterMayNot,
    StaleApproval,
    StaleView,
    UnknownChange,
)
from state.model import Approval, Event, Evidence, Finding, GateName
from state.recording import locked, move

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOOK = "look again, then decide: orch status {id}"
REFUSALS: dict[str, tuple[type[DecisionRefused], str]] = {
    "OR002": (NotAtGate, "see where it stands: orch status {id}"),
    "OR003": (StaleApproval, _LOOK),
    "OR004": (StaleApproval, _LOOK),
    "OR005": (StaleApproval, _LOOK),
    "OR006": (ReasonRequired, "say why: orch reject {id} --reason …"),
    "OR007": (AlreadyApproved, "see what else is missing: orch status {id}"),
    "OR008": (RequesterMayNot, "ask somebody else to run: orch approve {id}"),
    "42501": (NotGranted, "ask for EXECUTE on orch.decide_gate, or decide as another role"),
}
"""SQLSTATE of ``orch.decide_gate`` → exception and the operator's next step. OR001 is UnknownChange."""


def record_evidence(
    connection: Connection, change_id: str, gate: GateName, findings: Iterable[Finding], plan_sha256: str
) -> Evidence:
    """Keep what the Checks of a Gate saw, with its event. Raises StaleView when the Plan is another by now."""
    seen = tuple(findings)
    change = locked(connection, change_id)
    if change.plan_sha256 != plan_sha256:
        raise StaleView(f"the plan of {change_id} was replaced while its checks ran; run: orch verify {change_id}")
    values: dict[str, Any] = {"change_id": change_id, "gate": gate.value, "plan_sha256": plan_sha256}
    values |= {"sha256": evidence_sha256(seen), "findings": [rows.finding_json(finding) for finding in seen]}
    query = insert(tables.evidence).values(**values, at=func.clock_timestamp()).returning(tables.evidence)
    evidence = rows.evidence_row(connection.execute(query).one())
    move(connection, change, Event.EVIDENCE, _facts(evidence))
    return evidence


def decide_gate(
    connection: Connection,
    change_id: str,
    gate: GateName,
    decision: str,
    *,
    plan_sha256: str,
    evidence_sha256: str,
    reason: str | None,
    valid_for: timedelta,
    seen_version: int | None,
) -> Approval:
    """Approve or reject as ``session_user``. Raises the classes of ``REFUSALS``, UnknownChange."""
    seen = cast(seen_version, Integer)
    words = (change_id, gate.value, decision, plan_sha256, evidence_sha256, cast(reason, Text))
    call = func.orch.decide_gate(*words, cast(valid_for, Interval), seen)
    said = call.table_valued(*(column.name for column in tables.approval.columns)).render_derived()
    with _explained(change_id):
        return rows.approval_row(connection.execute(select(said)).one())


def _facts(evidence: Evidence) -> dict[str, object]:
    short = [{"name": f.name, "verdict": f.verdict.value, "mismatches": f.mismatches} for f in evidence.findings]
    return {"gate": evidence.gate.value, "sha256": evidence.sha256, "findings": short}


@contextmanager
def _explained(change_id: str) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if (refusal := _refusal(error, change_id)) is None:
            raise
        raise refusal from error


def _refusal(error: DBAPIError, change_id: str) -> RegistryError | None:
    state = getattr(error.orig, "sqlstate", None)
    if state == "OR001":
        return UnknownChange(change_id)
    if state not in REFUSALS:
        return None
    kind, next_step = REFUSALS[state]
    said = getattr(getattr(error.orig, "diag", None), "message_primary", None) or str(error.orig)
    return kind(f"{said}; {next_step.format(id=change_id)}")
