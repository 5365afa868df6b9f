"""The only Python writer of the Registry.

Why it exists: each method is one transaction that either writes a fact and its event or nothing. How each is done
lives beside it (``submitting``, ``lease``, ``recording``, ``steps``, ``deciding``); this class holds the connections.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

import psycopg
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from state import cancels, comparisons, deciding, freezes, hints, lease, origin, queries, recording, steps, submitting
from state.connect import engine
from state.errors import Forbidden, NotReady, Occupied, RegistryError, Unprivileged, Unreachable
from state.machine import Refused
from state.model import (
    Approval,
    BackfillRow,
    ChangeRow,
    ComparisonRow,
    Event,
    Evidence,
    Finding,
    GateName,
    Rehearsed,
    StepRow,
)
from state.submitting import NewChange, NewStep

__all__ = ["SCHEMA_VERSION", "NewChange", "NewStep", "Registry"]

SCHEMA_VERSION = "0009"
"""The version of ``migrations_meta`` this code was written for."""

RECORDABLE = frozenset(Event) - {
    Event.SUBMITTED,
    Event.REPLANNED,
    Event.STEP_STARTED,
    Event.STEP_DONE,
    Event.STEP_FAILED,
    Event.STEP_UNDONE,
    Event.STEP_LOST,
    Event.STEP_FOUND,
    Event.LEASE_ACQUIRED,
    Event.LEASE_RELEASED,
    Event.APPROVED,
    Event.REJECTED,
    Event.EVIDENCE,
}
"""Events that ``Registry.record`` writes. The others touch further rows and have a method each."""


class Registry:
    """The Registry behind a URL. Nothing is connected before it is needed; safe to share between threads.

    Every method raises Unreachable when the database cannot be reached or is lost. After a loss the transaction may
    have been committed: read before writing again.
    """

    def __init__(self, url: str, *, application_name: str = "orch") -> None:
        self._url, self._name = url, application_name
        self._engine = engine(url, application_name=application_name)
        self._renewing = engine(url, application_name=application_name)
        for each in (self._engine, self._renewing):
            weakref.finalize(self, each.dispose)

    def strange(self) -> str:
        """Why this may be a copy of a Registry, from which nothing may be run; nothing where it is at home."""
        with self.reading() as connection:
            return origin.strange(origin.homes(connection), origin.here(connection, self._url))

    def close(self) -> None:
        """Close idle connections. The Registry can be used again afterwards."""
        self._engine.dispose()
        self._renewing.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for ``state.queries``: read-only, and one snapshot for all that is asked of it."""
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with _explained(), self._engine.connect() as connection:
            connection.execution_options(**options)
            with connection.begin():
                yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with _explained(), self._engine.begin() as connection:
            yield connection

    def ready(self) -> None:
        """Raises NotReady unless the schema is the one this code was written for."""
        with self.reading() as connection:
            version = _version(connection)
        if version is None:
            raise NotReady("the registry has no schema orch yet; run: orch init")
        if version < SCHEMA_VERSION:
            raise NotReady(f"the registry has version {version}, this orch needs {SCHEMA_VERSION}; run: orch init")
        if version > SCHEMA_VERSION:
            raise NotReady(f"the registry has version {version}, newer than this orch; upgrade orch, or run: orch init")

    def hints(self, stopped: threading.Event) -> Iterator[str]:
        """The Change of each event as it is appended, first of all an empty one; ``state.hints.listen``."""
        return hints.listen(self._url, f"{self._name}-listen", stopped)

    def now(self) -> datetime:
        """The database's clock."""
        with self.reading() as connection:
            return queries.now(connection)

    def submit(
        self, new: NewChange, steps: Sequence[NewStep], judge: submitting.Judge = submitting.anything
    ) -> tuple[ChangeRow, bool]:
        """Take a Change in. The flag says whether anything changed.

        The same file again changes nothing; a changed one replaces the Plan while ``planned``. ``judge`` is shown the other
        Changes of the target that are not over, while none can join them, and may raise. Raises ConflictingChange later.
        """
        with self._writing() as connection:
            return submitting.submit(connection, new, steps, judge)

    def acquire(self, change_id: str, owner: str, ttl_seconds: float, *, beyond: int = 0, refused: int = 0) -> int:
        """Take the Lease when it is free or expired; returns the new fence, which is greater than ``beyond``.

        ``beyond`` is the fence that stands on the Target, which for that reason ``refused`` the one that we were given.
        Where the Registry had given none so great before, it has lost its last commits, and the event says so. Raises
        Busy, UnknownChange.
        """
        with self._writing() as connection:
            return lease.acquire(connection, change_id, owner, ttl_seconds, beyond, refused)

    def renew(self, change_id: str, fence: int, ttl_seconds: float) -> bool:
        """Hold the Lease for longer. False means that it is ours no more: stop.

        On connections of its own: it may not wait behind whatever else this process asks of the Registry.
        """
        with _explained(), self._renewing.begin() as connection:
            return lease.renew(connection, change_id, fence, ttl_seconds)

    def release(self, change_id: str, fence: int) -> None:
        """Give the Lease back; does nothing when it is ours no more."""
        with self._writing() as connection:
            lease.release(connection, change_id, fence)

    def record(
        self,
        change_id: str,
        event: Event,
        data: Mapping[str, Any] | None = None,
        *,
        fence: int | None = None,
        seen_version: int | None = None,
    ) -> ChangeRow:
        """Move the Change as ``event`` says, and append it. What people want is said without a fence.

        Raises FenceLost when ``fence`` is not ours, StaleView when ``seen_version`` is not its version, Refused
        when the machine has no such edge, ValueError for an event that has a method of its own, UnknownChange.
        """
        if event not in RECORDABLE or (event in deciding.INTENTS and fence is not None):
            raise ValueError(f"{event.value} is written by a method of its own")
        with self._writing() as connection:
            if event in deciding.INTENTS:
                return deciding.record_intent(connection, change_id, event, data or {}, seen_version)
            change = recording.locked(connection, change_id)
            if fence is not None:
                lease.require(connection, change_id, fence)
            recording.unmoved(change, seen_version)
            return recording.move(connection, change, event, data or {})

    def freeze(self, until: datetime | None, reason: str, target: str | None = None) -> None:
        """Let no phase start until then, on one Target or on all; None lifts. Raises Refused, ReasonRequired, NotGranted."""
        with self._writing() as connection:
            freezes.record(connection, until, reason, target)

    def record_cancel(self, facts: Mapping[str, Any], reason: str) -> None:
        """Say that a session on a Target is about to be ended. Raises Refused, ReasonRequired, NotGranted."""
        with self._writing() as connection:
            cancels.record(connection, facts, reason)

    def rehearsed(self, change_id: str, found: Rehearsed) -> ChangeRow:
        """Keep what a rehearsal came to. Raises as ``record``."""
        facts = {**asdict(found), "over_budget": list(found.over_budget)}
        return self.record(change_id, Event.REHEARSED, {k: v for k, v in facts.items() if k not in ("actor", "at")})

    def step_started(self, change_id: str, ordinal: int, fence: int, data: Mapping[str, Any] | None = None) -> StepRow:
        """Intent: the Step is running, one attempt more. Follows pending, running and undone.

        Like all of ``step_*`` raises FenceLost, Refused, UnknownChange.
        """
        return self._step(change_id, ordinal, Event.STEP_STARTED, fence, data)

    def step_done(self, change_id: str, ordinal: int, fence: int, data: Mapping[str, Any] | None = None) -> StepRow:
        """Outcome: the Step was observed done. Follows running."""
        return self._step(change_id, ordinal, Event.STEP_DONE, fence, data)

    def step_failed(
        self, change_id: str, ordinal: int, fence: int, error: str, data: Mapping[str, Any] | None = None
    ) -> StepRow:
        """An attempt, or an undo, failed; the Step stays running with its error. Follows running and done."""
        clean = error.replace("\x00", "�")
        return self._step(change_id, ordinal, Event.STEP_FAILED, fence, {**(data or {}), "error": clean})

    def step_undone(self, change_id: str, ordinal: int, fence: int, data: Mapping[str, Any] | None = None) -> StepRow:
        """The Step's effect was taken back. Follows running and done."""
        return self._step(change_id, ordinal, Event.STEP_UNDONE, fence, data)

    def step_lost(self, change_id: str, ordinal: int, fence: int, data: Mapping[str, Any] | None = None) -> StepRow:
        """Observation found the Step's effect absent; it is pending again. Follows running and done."""
        return self._step(change_id, ordinal, Event.STEP_LOST, fence, data)

    def step_found(self, change_id: str, ordinal: int, fence: int, data: Mapping[str, Any] | None = None) -> StepRow:
        """Observation found the Step's effect on the Target, whatever was recorded. Follows every status."""
        return self._step(change_id, ordinal, Event.STEP_FOUND, fence, data)

    def progress(self, row: BackfillRow, fence: int) -> None:
        """Write live progress, without an event; ``updated_at`` is the database's. Raises FenceLost."""
        values = {
            "table_name": row.table,
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
            "reasons": list(row.reasons),
            "control": dict(row.control),
        }
        with self._writing() as connection:
            steps.progress(connection, row.change_id, row.ordinal, fence, values)

    def compared(self, row: ComparisonRow) -> None:
        """Write how far a comparison has come, without an event; ``updated_at`` is the database's."""
        with self._writing() as connection:
            comparisons.save(connection, row)

    def record_evidence(
        self,
        change_id: str,
        gate: GateName,
        findings: Iterable[Finding],
        plan_sha256: str,
        *,
        since: datetime | None = None,
    ) -> Evidence:
        """Keep what the Checks of a Gate saw under this Plan, and forget how far they had come.

        ``since`` dates it back to when it began to be seen. Raises StaleView, Refused, UnknownChange.
        """
        with self._writing() as connection:
            return deciding.record_evidence(connection, change_id, gate, findings, plan_sha256, since)

    def decide_gate(
        self,
        change_id: str,
        gate: GateName,
        decision: str,
        *,
        plan_sha256: str,
        evidence_sha256: str,
        reason: str | None = None,
        valid_for: timedelta = timedelta(hours=24),
        seen_version: int | None = None,
    ) -> Approval:
        """Approve or reject as the role we are connected as.

        ``evidence_sha256`` is that of ``queries.latest_evidence``, or ``digest.NO_FINDINGS`` when there is none.
        Raises NotAtGate, StaleApproval, RequesterMayNot, AlreadyApproved, ReasonRequired, NotGranted, UnknownChange.
        """
        with self._writing() as connection:
            return deciding.decide_gate(
                connection,
                change_id,
                gate,
                decision,
                plan_sha256=plan_sha256,
                evidence_sha256=evidence_sha256,
                reason=reason,
                valid_for=valid_for,
                seen_version=seen_version,
            )

    def _step(self, change_id: str, ordinal: int, event: Event, fence: int, data: Mapping[str, Any] | None) -> StepRow:
        with self._writing() as connection:
            return steps.move_step(connection, change_id, ordinal, event, fence, data or {})


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if (refusal := _refusal(error)) is not None:
            raise refusal from error
        if not (error.connection_invalidated or _is_lost(error)):
            raise
        raise Unreachable("the connection to the registry was lost; run the same command again") from error


def _is_lost(error: DBAPIError) -> bool:
    """Whether the server went away, which SQLAlchemy does not notice while it is still setting a connection up."""
    state = getattr(error.orig, "sqlstate", None)
    return isinstance(error.orig, psycopg.OperationalError) and (state is None or state[:2] in ("08", "57"))


def _refusal(error: DBAPIError) -> RegistryError | Refused | None:
    """What the Registry's own guards and grants refuse, in words."""
    state = getattr(error.orig, "sqlstate", None)
    said = getattr(getattr(error.orig, "diag", None), "message_primary", None) or str(error.orig)
    if state == "42501":
        return Unprivileged(f"the database login may not do this: {said}; orch doctor says which role it lacks")
    if state in ("55P03", "40P01", "40001", "57014"):
        return Occupied(f"the registry did not answer in time: {said}; nothing was written, run the same command again")
    if state in ("OR010", "OR012", "OR013"):
        return Forbidden(f"{said}; the registry refused it")
    return Refused(said) if state == "OR011" else None


def _version(connection: Connection) -> str | None:
    if connection.execute(text("SELECT to_regclass('orch.registry_version')")).scalar_one() is None:
        return None
    version: str | None = connection.execute(text("SELECT version_num FROM orch.registry_version")).scalar_one_or_none()
    return version
