"""What a Signal may look at, and how what it saw is kept against time.

Why it exists: a Signal is one file with its own SQL; what it reads from (the target, its replicas, the probe) is given to it, so
that it opens no connection and every one of them is tested on a real server with the same few values.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from orchestrator.core.catalog import TableName
from orchestrator.core.control import Control
from orchestrator.core.ports import Reader
from orchestrator.core.throttle import Pressure


@dataclass(frozen=True, slots=True)
class Latency:
    """What the probe saw lately: the 99th percentile in seconds over ``count`` answers, the one still awaited included.

    ``error`` is why it has none.
    """

    p99: float
    count: int
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """One look: ``target`` may be written to only where a Signal is about writing. ``now`` is monotonic, in seconds.

    ``version`` is the server's major version; ``replicas`` holds, by name, the reader of each configured replica or why there
    is none; ``latency`` is None where no probe runs.
    """

    target: Reader
    table: TableName
    control: Control
    change_id: str
    version: int
    now: float
    replicas: Mapping[str, Reader | str] = field(default_factory=dict)
    latency: Latency | None = None


class Signal(Protocol):
    """One kind of load. Made anew for every backfill, so that it may remember what it saw before."""

    name: str

    def read(self, sight: Sight) -> Iterable[Pressure]:
        """What is seen now. Raises TargetError, which counts as stop."""


@dataclass
class Trail:
    """When something that only grows (a WAL position, a transaction id) was where: tells how old a position is.

    Why not the server's own figures: ``replay_lag`` freezes when a standby stops replaying, which is when it matters. Here both
    ends are read by one clock. Looks are kept for an hour.
    """

    _seen: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=3600))

    def note(self, now: float, position: int) -> None:
        """It stood at ``position`` at ``now``."""
        self._seen.append((now, position))

    def age(self, position: int, now: float) -> float:
        """Seconds since it first was seen beyond ``position``; 0 when it never was."""
        return next((now - at for at, seen in self._seen if seen > position), 0.0)
