"""The part of ``orchestrator.service.Service`` that the screens use.

Why it exists: the screens post intents and show read models, nothing else. Naming that part keeps it small, and lets tests
put a service in memory behind the same screens.
"""

from __future__ import annotations

from typing import Any, Protocol

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

    def commands(self, *, after: int = 0, limit: int = 200) -> tuple[CommandView, ...]:
        """What workers last sent to the targets, oldest first."""

    def running(self) -> tuple[RunningView, ...]:
        """What sessions of ours do on the targets now."""

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

    def abort(self, change_id: str, *, reason: str, version: int | None = None) -> Status:
        """Ask for everything done so far to be undone."""

    def undo(self, change_id: str, *, reason: str, version: int | None = None) -> Status:
        """Ask for contract, or the switch of reads, to be taken back."""

    def close(self) -> None:
        """Give connections back."""
