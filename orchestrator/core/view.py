"""Steps as an operator must see them before approving: exact SQL, lock, cost and undo."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from state.model import Verdict


@dataclass(frozen=True, slots=True)
class StepView:
    """One Step in full. ``lock`` is the strongest lock and on what; ``undo_note`` says why undo has no SQL.

    ``expected`` is a class of duration once the lock is there; ``table`` is what the Step is about, ``rows`` and ``bytes`` are
    the server's estimates of it, None where it did not tell.
    """

    ordinal: int
    phase: str
    kind: str
    description: str
    sql: tuple[str, ...]
    lock: str
    rewrites: bool
    scans: bool
    undo: tuple[str, ...]
    undo_note: str
    table: str = ""
    rows: int | None = None
    bytes: int | None = None
    expected: str = ""


@dataclass(frozen=True, slots=True)
class CommandView:
    """What happened to a Step on its target. ``outcome``: started, done, failed, undone, lost, found; ``sql`` was sent."""

    seq: int
    at: str
    actor: str
    change: str
    ordinal: int
    outcome: str
    description: str
    sql: tuple[str, ...]
    error: str


@dataclass(frozen=True, slots=True)
class RunningView:
    """A session of ours on a target, in ``state`` for ``seconds``; ``sql`` is its last statement without any value.

    ``waits`` is PostgreSQL's wait event, if any.
    """

    pid: int
    change: str
    ordinal: int
    seconds: float
    state: str
    waits: str
    sql: str


@dataclass(frozen=True, slots=True)
class PlanView:
    """A Plan in full, as ``orch plan`` prints it."""

    change: str
    target: str
    plan_sha256: str
    steps: tuple[StepView, ...]
    notes: tuple[str, ...]
    parks: bool

    def to_json(self) -> dict[str, Any]:
        """The JSON shape of ``orch plan --json``."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing ``orch doctor`` looked at, and what to do about it."""

    name: str
    verdict: Verdict
    detail: str
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Where a client is connected and as whom, for headers and logs; never holds a secret."""

    database: str
    host: str
    user: str
    server_version: int
    registry: str
