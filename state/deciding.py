"""Evidence, decisions at a Gate, and what people want of a Change.

Why it exists: the database itself judges who may say what (``orch.decide_gate``, ``orch.record_intent``), so that no
client can talk its way past it, and so that people need no right to write. This module calls them and gives each refusal
its class and the operator's next step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Integer, Interval, Text, cast, func, insert, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError

from state import comparisons, queries, rows, tables
from state.digest import evidence_sha256
from state.errors import (
    AlreadyApproved,
    NotAtGate,
    NotGranted,
    ReasonRequired,
    RegistryError,
    RequesterMayNot,
    StaleApproval,
    StaleView,
    UnknownChange,
)
from state.machine import Refused
from state.model import Approval, ChangeRow, Event, Evidence, Finding, GateName
from state.recording import locked, move

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOOK = "look again, then decide: orch status {id}"
REFUSALS: dict[str, tuple[type[RegistryError], str]] = {
    "OR002": (NotAtGate, "see where it stands: orch status {id}"),
    "OR003": (StaleApproval, _LOOK),
    "OR004": (StaleApproval, _LOOK),
    "OR005": (StaleApproval, _LOOK),
    "OR006": (ReasonRequired, "say why: orch reject {id} --reason …"),
    "OR007": (AlreadyApproved, "see what else is missing: orch status {id}"),
    "OR008": (RequesterMayNot, "ask somebody else to run: orch approve {id}"),
    "OR010": (NotGranted, "ask an administrator: GRANT orch_operator TO …"),
    "42501": (NotGranted, "ask for EXECUTE on orch.decide_gate, or decide as another role"),
}
"""SQLSTATE of ``orch.decide_gate`` → exception and the operator's next step. OR001 is UnknownChange."""

INTENTS = frozenset(
    {
        Event.HELD,
        Event.RESUMED,
        Event.TUNED,
        Event.DEPLOYED,
        Event.REQUESTED,
        Event.ABORT_STARTED,
        Event.UNDO_STARTED,
        Event.UNSWITCH_STARTED,
    }
)
"""Events that say what a person wants; functions of their own alone write them."""
_INTENT_REFUSALS: dict[str, tuple[type[RegistryError], str]] = {
    "OR005": (StaleView, _LOOK),
    "OR006": (ReasonRequired, "say why: --reason …"),
    "OR010": (NotGranted, "ask an administrator: GRANT orch_operator TO …"),
    "42501": (NotGranted, "ask for EXECUTE on orch.record_intent: GRANT orch_operator TO …"),
}


def record_evidence(
    connection: Connection,
    change_id: str,
    gate: GateName,
    findings: Iterable[Finding],
    plan_sha256: str,
    since: datetime | None = None,
) -> Evidence:
    """Keep what the Checks of a Gate saw, with its event. Raises StaleView when the Plan is another by now."""
    seen = tuple(findings)
    change = locked(connection, change_id)
    if change.plan_sha256 != plan_sha256:
        raise StaleView(f"the plan of {change_id} was replaced while its checks ran; run: orch verify {change_id}")
    values: dict[str, Any] = {"change_id": change_id, "gate": gate.value, "plan_sha256": plan_sha256}
    values |= {"sha256": evidence_sha256(seen), "findings": [rows.finding_json(finding) for finding in seen]}
    at = func.clock_timestamp() if since is None else func.least(func.clock_timestamp(), since)
    query = insert(tables.evidence).values(**values, at=at).returning(tables.evidence)
    evidence = rows.evidence_row(connection.execute(query).one())
    comparisons.forget(connection, change_id, gate)
    move(connection, change, Event.EVIDENCE, _facts(evidence, since))
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
    with explained(change_id, REFUSALS):
        return rows.approval_row(connection.execute(select(said)).one())


def record_intent(
    connection: Connection, change_id: str, event: Event, data: Mapping[str, Any], seen_version: int | None
) -> ChangeRow:
    """Write down what ``session_user`` wants. Raises Refused, StaleView, ReasonRequired, NotGranted, UnknownChange."""
    call = _intent(change_id, event, data, cast(seen_version, Integer))
    with explained(change_id):
        connection.execute(select(call))
    return queries.change(connection, change_id)


def _intent(change_id: str, event: Event, data: Mapping[str, Any], seen: Any) -> Any:
    if event is Event.TUNED:
        return func.orch.record_tuning(change_id, cast(dict(data), JSONB), seen)
    if event is Event.DEPLOYED:
        said = (cast(data.get(name), Text) for name in ("deploy", "version", "url"))
        return func.orch.record_deploy(change_id, *said, seen)
    reason = cast(data["reason"] if event is Event.HELD else data.get("reason"), Text)
    gate = cast(data["gate"] if event is Event.REQUESTED else None, Text)
    return func.orch.record_intent(change_id, event.value, reason, gate, seen)


def _facts(evidence: Evidence, since: datetime | None) -> dict[str, object]:
    short = [{"name": f.name, "verdict": f.verdict.value, "mismatches": f.mismatches} for f in evidence.findings]
    bound = {"plan_sha256": evidence.plan_sha256, "sha256": evidence.sha256}
    dated = {} if since is None else {"since": evidence.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
    return {"gate": evidence.gate.value, **bound, "findings": short, **dated}


@contextmanager
def explained(
    change_id: str, known: Mapping[str, tuple[type[RegistryError], str]] = _INTENT_REFUSALS
) -> Iterator[None]:
    """Turn what a function of the Registry raises into what it means."""
    try:
        yield
    except DBAPIError as error:
        if (refusal := _refusal(error, change_id, known)) is None:
            raise
        raise refusal from error


def _refusal(
    error: DBAPIError, change_id: str, known: Mapping[str, tuple[type[RegistryError], str]]
) -> RegistryError | Refused | None:
    state = str(getattr(error.orig, "sqlstate", None))
    said = getattr(getattr(error.orig, "diag", None), "message_primary", None) or str(error.orig)
    if state == "OR001":
        return UnknownChange(change_id)
    if state == "OR011":
        return Refused(said)
    if state not in known:
        return None
    kind, next_step = known[state]
    return kind(f"{said}; {next_step.format(id=change_id)}")
