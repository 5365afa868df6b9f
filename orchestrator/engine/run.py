"""One run of a Change by one worker: what it needs at hand, and how it speaks.

Why it exists: every part of the engine needs the same few things (who holds the lease, which plan, where to report); they
travel together as one value.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field

from orchestrator.core.errors import Blocked, Waiting
from orchestrator.core.plan import Plan, PlannedStep
from orchestrator.core.ports import Mark, Target
from orchestrator.core.progress import Listener, Progress
from orchestrator.engine.lease import Lease
from state import queries
from state.model import ChangeRow, StepRow
from state.store import Registry

HOLD_POLL = 0.5
"""Seconds between looks at the hold flag while a backfill runs."""


def step_id(plan_sha256: str, change_id: str, ordinal: int) -> str:
    """The name under which a Step leaves its marker on the target; another plan leaves other markers."""
    return f"{change_id}:{plan_sha256[:12]}:{ordinal}"


@dataclass(frozen=True, slots=True)
class Cost:
    """What the batches of a Backfill took, in seconds, and how much of it lease, hold and fence did."""

    batch_seconds: float
    guard_seconds: float


@dataclass
class Run:
    """A Change being run under a Lease."""

    registry: Registry
    target: Target
    change: ChangeRow
    plan: Plan
    lease: Lease
    listen: Listener
    cost: dict[int, Cost] = field(default_factory=dict)
    _looked: float = field(default=0.0)

    def mark(self, planned: PlannedStep) -> Mark:
        """What the Step's transaction writes to the target."""
        name = step_id(self.change.plan_sha256, self.change.id, planned.ordinal)
        return Mark(self.change.id, name, planned.ordinal, self.lease.fence, self.change.plan_sha256)

    def tell(self, kind: str, message: str, ordinal: int | None = None) -> None:
        """Report one thing to whoever listens."""
        self.listen(Progress(self.change.id, ordinal, kind, message))

    def rows(self) -> dict[int, StepRow]:
        """The Steps as the Registry believes them."""
        with self.registry.reading() as connection:
            return {row.ordinal: row for row in queries.steps(connection, self.change.id)}

    def stop_unless_ours(self) -> None:
        """Raise when the lease is lost, or as ``stop_if_held``."""
        self.lease.check()
        self.stop_if_held()

    def stop_if_held(self) -> None:
        """Raise Waiting when somebody has paused the Change, Blocked when it was aborted; looks every HOLD_POLL seconds."""
        if time.monotonic() - self._looked < HOLD_POLL:
            return
        self._looked = time.monotonic()
        with self.registry.reading() as connection:
            change = queries.change(connection, self.change.id)
        self.stop_if_not_as(change)

    def stop_if_not_as(self, change: ChangeRow) -> None:
        """Raise Waiting when the Change as it is now is paused, Blocked when it is in another state than our work."""
        if change.state is not self.change.state:
            raise Blocked(
                f"{self.change.id} has become {change.state.value} while it was {self.change.state.value}",
                f"orch advance {self.change.id}",
            )
        if (hold := change.hold) is not None:
            raise Waiting(
                f"{self.change.id} is held by {hold.actor}: {hold.reason}",
                f"orch resume {self.change.id}, then orch advance {self.change.id}",
            )


def jittered(seconds: float) -> float:
    """A pause that two workers do not share."""
    return seconds * random.uniform(0.5, 1.5)  # noqa: S311 - not a secret
