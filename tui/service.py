"""The part of ``orchestrator.service.Service`` that the screens use.

Why it exists: the screens post intents and show read models, nothing else. Naming that part keeps it small, and lets tests
put a service in memory behind the same screens.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from orchestrator.core.audit import Problem
from orchestrator.core.locks import TargetLocks
from orchestrator.core.status import Status
from orchestrator.core.view import CommandView, Identity, RunningView, StepView
from state.model import EventRow, GateName


class Fleet(Protocol):
    """What the service answers about all changes, and takes back."""

    @property
    def statuses(self) -> tuple[Status, ...]:
        """Every change."""


class Service(Protocol):
    """What the screens ask. Every method may block and may raise OrchError, so all are called in threads."""

    def identity(self) -> Identity:
        """Where this client is connected, and as whom."""

    def fleet(self, before: Any = None) -> Fleet:
        """Every change; ``before`` is the last answer, so that only what moved is read."""

    def status(self, change_id: str) -> Status:
        """One change in full."""

    def gate_steps(self, change_id: str) -> tuple[StepView, ...]:
        """What the gate ahead will run."""

    def events(self, change_id: str | None = None, *, after: int = 0, limit: int | None = None) -> list[EventRow]:
        """The history after a sequence number, oldest first."""

    def locks(self) -> tuple[TargetLocks, ...]:
        """Who waits for whom on each target."""

    def cancel(self, target: str, pid: int, started: datetime, *, active: bool, reason: str) -> str:
        """End a session in the way, or what it runs; returns what was done."""

    def latest_events(self, limit: int) -> list[EventRow]:
        """The last events of all changes, in order."""

    def audit_verify(self) -> list[Problem]:
        """What does not fit in the history, or between it and the rows; reads all of it."""

    def commands(self, *, after: int = 0, limit: int = 200) -> tuple[CommandView, ...]:
        """What workers last sent to the targets, oldest first."""

    def running(self) -> tuple[RunningView, ...]:
        """What sessions of ours do on the targets now."""

    def hints(self, stopped: threading.Event) -> Iterator[str]:
        """The change of each event as it is appended, until ``stopped``; first of all an empty one, once it listens."""

    def request(self, change_id: str, *, version: int | None = None) -> Status:
        """Ask a worker to run the gate ahead."""

    def approve(
        self,
        change_id: str,
        *,
        gate: GateName | None = None,
        reason: str | None = None,
        version: int | None = None,
    ) -> Status:
        """Consent to the gate ahead; refused as stale when ``version`` has passed."""

    def reject(
        self,
        change_id: str,
        *,
        reason: str,
        gate: GateName | None = None,
        version: int | None = None,
    ) -> Status:
        """Veto the gate ahead."""

    def pause(self, change_id: str, *, reason: str, version: int | None = None) -> Status:
        """Hold the change."""

    def resume(self, change_id: str, *, reason: str | None = None, version: int | None = None) -> Status:
        """Lift the hold."""

    def hold_everything(self, *, reason: str) -> list[str]:
        """Hold every change that is not held; returns which."""

    def let_go(self, *, reason: str | None = None) -> list[str]:
        """Lift the holds that were set on everything at once; returns which."""

    def tune(self, change_id: str, settings: Mapping[str, Any], *, version: int | None = None) -> Status:
        """Hold the backfill to other settings."""

    def abort(self, change_id: str, *, reason: str, version: int | None = None) -> Status:
        """Ask for everything done so far to be undone."""

    def undo(self, change_id: str, *, reason: str, version: int | None = None) -> Status:
        """Ask for contract, or the switch of reads, to be taken back."""

    def close(self) -> None:
        """Give connections back."""
