"""Turns database rows into the values of ``state.model``.

Why it exists: the store returns what it wrote and the read models what they read; both must spell it alike.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Row

from state.model import (
    Approval,
    BackfillRow,
    ChangeRow,
    ComparisonRow,
    EventRow,
    Evidence,
    Finding,
    GateName,
    Hold,
    LeaseRow,
    State,
    StepRow,
    StepStatus,
    Verdict,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

AnyRow = Row[*tuple[Any, ...]]
T = TypeVar("T", bound="DataclassInstance")


def change_row(row: AnyRow) -> ChangeRow:
    """One row of ``orch.change``."""
    hold = Hold(row.hold_reason, row.hold_actor, row.hold_at) if row.hold_reason is not None else None
    requested = GateName(row.requested) if row.requested is not None else None
    return _pick(ChangeRow, row, state=State(row.state), hold=hold, requested=requested)


def step_row(row: AnyRow) -> StepRow:
    """One row of ``orch.step``; of one that was read without its definition, that is empty."""
    return _pick(StepRow, row, status=StepStatus(row.status), definition=row.definition or {})


def lease_row(row: AnyRow) -> LeaseRow:
    """One row of ``orch.lease``."""
    return _pick(LeaseRow, row)


def approval_row(row: AnyRow) -> Approval:
    """One row of ``orch.approval``, or of the view over it."""
    return _pick(Approval, row, gate=GateName(row.gate))


def evidence_row(row: AnyRow) -> Evidence:
    """One row of ``orch.evidence``."""
    return _pick(Evidence, row, gate=GateName(row.gate), findings=tuple(_finding(each) for each in row.findings))


def backfill_row(row: AnyRow) -> BackfillRow:
    """One row of ``orch.backfill``."""
    return _pick(BackfillRow, row, table=row.table_name, reasons=tuple(row.reasons or ()), control=row.control or {})


def comparison_row(row: AnyRow) -> ComparisonRow:
    """One row of ``orch.comparison``."""
    position = None if row.position is None else tuple(row.position)
    return _pick(ComparisonRow, row, gate=GateName(row.gate), position=position, samples=tuple(row.samples))


def event_row(row: AnyRow) -> EventRow:
    """One row of ``orch.event``; an unreadable payload gives empty data, which the audit reports."""
    return _pick(EventRow, row, data=_data(row.payload))


def finding_json(finding: Finding) -> dict[str, Any]:
    """A Finding as the JSON that ``orch.evidence`` holds."""
    return {**asdict(finding), "verdict": finding.verdict.value, "samples": list(finding.samples)}


def _finding(stored: Mapping[str, Any]) -> Finding:
    return Finding(**{**stored, "verdict": Verdict(stored["verdict"]), "samples": tuple(stored["samples"])})


def _data(payload: str) -> Mapping[str, Any]:
    try:
        data = json.loads(payload)["data"]
    except (ValueError, KeyError, TypeError):
        return {}
    return data if isinstance(data, dict) else {}


def _pick(kind: type[T], row: AnyRow, **given: Any) -> T:
    """``kind`` from the columns named like its fields, except those ``given``."""
    names, values = _columns(kind, tuple(given))
    return kind(**dict(zip(names, values(row), strict=True)), **given)


@cache
def _columns(kind: type[DataclassInstance], given: tuple[str, ...]) -> tuple[tuple[str, ...], attrgetter[Any]]:
    """The names of its other fields, and what gets them all at once: thousands of rows are read for one list."""
    names = tuple(field.name for field in fields(kind) if field.name not in given)
    return names, attrgetter(*names)
