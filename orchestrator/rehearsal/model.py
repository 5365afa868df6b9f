"""What a rehearsal saw, as values: one Report, whichever way it is shown.

Why it exists: terminal, JSON, Markdown and HTML must say the same, and budgets judge what they show.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from state.model import Rehearsed

STRONG = ("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")
"""Lock modes that keep applications from writing, the weakest first."""


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock mode on one table during a step, in ms: longest hold, and longest wait before it, as upper bounds."""

    table: str
    mode: str
    hold_ms: float
    wait_ms: float


@dataclass(frozen=True, slots=True)
class Latency:
    """How long clients waited for statements, in ms."""

    statements: int
    p50_ms: float
    p99_ms: float
    worst_ms: float


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did. ``began`` in seconds since the run began; bytes of WAL are those of the whole server meanwhile.
    Locks held for less than ``resolution_ms`` may have gone unseen."""

    run: str
    phase: str
    ordinal: int
    description: str
    predicted_lock: str
    began: float
    seconds: float
    tries: int
    locks: tuple[Lock, ...]
    resolution_ms: float
    rewritten: tuple[str, ...]
    rows_scanned: int
    wal_bytes: int
    temp_bytes: int
    blocked_sessions: int
    blocked_ms: float
    clients: Latency

    @property
    def strong_hold_ms(self) -> float:
        """The longest hold of a lock that keeps applications from writing."""
        return max((lock.hold_ms for lock in self.locks if lock.mode in STRONG), default=0.0)


@dataclass(frozen=True, slots=True)
class Cell:
    """How a statement fared in one phase: how often it was sent, and how it failed, if it did."""

    sent: int = 0
    failed: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of an application of one shape, with how it fared per phase. ``must`` are phases in which it has to work."""

    shape: str
    text: str
    must: tuple[str, ...]
    cells: dict[str, Cell]

    def broken(self) -> list[str]:
        """Phases in which it had to work and did not."""
        return [phase for phase in self.must if self.cells.get(phase, Cell()).failed]


@dataclass(frozen=True, slots=True)
class Budget:
    """What a rehearsal may cost at most; None where nothing was said. ``max_extra_disk`` is a fraction of the copy's size."""

    max_lock_hold: float | None = None
    max_client_stall: float | None = None
    max_extra_disk: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """One rehearsal. Timelines are (seconds since the run began, value). ``outright`` is the same in one step, if tried."""

    change: str
    target: str
    plan_sha256: str
    server_version: str
    target_version: int
    copy: str
    rows: int
    largest_table_rows: int
    size_class: int
    seconds: float
    baseline: Latency
    steps: tuple[Step, ...]
    statements: tuple[Statement, ...]
    phases: tuple[str, ...]
    endings: tuple[str, ...]
    disk_bytes: int
    disk_peak_bytes: int
    budget: Budget
    lacks: tuple[str, ...] = ()
    untried: tuple[str, ...] = ()
    latencies: tuple[tuple[float, float], ...] = ()
    rates: tuple[tuple[float, float], ...] = ()
    problems: tuple[str, ...] = field(default=())
    outright: Step | None = None

    @property
    def hold_ms(self) -> float:
        """The longest hold of a strong lock by any step."""
        return max((step.strong_hold_ms for step in self.steps), default=0.0)

    @property
    def stall_ms(self) -> float:
        """The longest that a client waited during any step."""
        return max((step.clients.worst_ms for step in self.steps), default=0.0)

    @property
    def faults(self) -> tuple[str, ...]:
        """Why the change must not go on as it is; empty where it may."""
        return (*self.problems, *self._broken(), *self._over_budget())

    @property
    def breaks_at_contract(self) -> tuple[Statement, ...]:
        """Statements of the old shape that fail once contract is done."""
        return tuple(
            each for each in self.statements if each.shape == "old" and each.cells.get("contract", Cell()).failed
        )

    def _broken(self) -> Iterable[str]:
        for each in self.statements:
            for phase in each.broken():
                yield f"in phase {phase} a statement of the {each.shape} shape fails: {each.text} ({each.cells[phase].error})"

    def _over_budget(self) -> Iterable[str]:
        for step in self.steps:
            where = f"step {step.ordinal} ({step.description}), {step.run}"
            hold, stall = self.budget.max_lock_hold, self.budget.max_client_stall
            if hold is not None and step.strong_hold_ms > hold * 1000:
                yield f"{where} held a strong lock {step.strong_hold_ms:.0f} ms; max_lock_hold is {hold * 1000:.0f} ms"
            if stall is not None and step.clients.worst_ms > stall * 1000:
                yield f"{where} made a client wait {step.clients.worst_ms:.0f} ms; max_client_stall is {stall * 1000:.0f} ms"
        if (share := self.budget.max_extra_disk) is not None and self.extra_disk > share:
            largest = max(self.steps, key=lambda step: step.wal_bytes, default=None)
            where = f"; most was written by step {largest.ordinal} ({largest.description})" if largest else ""
            yield f"the database grew by {self.extra_disk:.0%}; max_extra_disk is {share:.0%}{where}"

    @property
    def extra_disk(self) -> float:
        """By which fraction of its size the database grew at its largest."""
        return (self.disk_peak_bytes - self.disk_bytes) / max(self.disk_bytes, 1)

    def evidence(self) -> Rehearsed:
        """What is kept of it: no statement and no message, which could hold values of a restored copy."""
        return Rehearsed(
            plan_sha256=self.plan_sha256,
            copy=self.copy,
            server=major(self.server_version),
            size_class=self.size_class,
            rows=self.rows,
            hold_ms=self.hold_ms,
            stall_ms=self.stall_ms,
            seconds=self.seconds,
            broken=len(list(self._broken())),
            over_budget=tuple(self._over_budget()),
            problems=len(self.problems),
        )

    def to_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        return {
            **asdict(self),
            "faults": list(self.faults),
            "breaks_at_contract": [each.text for each in self.breaks_at_contract],
            "extra_disk": self.extra_disk,
        }


def latency(samples: Iterable[float]) -> Latency:
    """The summary of some waits in seconds."""
    found = sorted(1000 * each for each in samples)
    if not found:
        return Latency(0, 0.0, 0.0, 0.0)
    return Latency(len(found), _at(found, 0.5), _at(found, 0.99), round(found[-1], 2))


def _at(found: list[float], share: float) -> float:
    return round(found[min(int(len(found) * share), len(found) - 1)], 2)


def major(version: str) -> int:
    """``18`` of ``18.1 (Debian 18.1-1)``; 0 where it is no version."""
    found = re.match(r"\d+", version)
    return int(found[0]) if found else 0
