"""Whole changes through the engine on a copy: to the end with an undo between, and aborted from each rest, under load.

Why it exists: it is the service itself that runs here, with its leases, gates and Checks. Nothing of it is imitated, so what is
measured is what production will see.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from orchestrator.config import Config, TargetConfig
from orchestrator.core.errors import Blocked, OrchError
from orchestrator.core.progress import Listener, Progress
from orchestrator.core.view import PlanView
from orchestrator.rehearsal.clients import Load
from orchestrator.rehearsal.model import Latency, Step, latency
from orchestrator.rehearsal.watching import Watch
from orchestrator.service import Service
from state.machine import GATE_AHEAD
from state.model import State

_COUNTERS = """
SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::bigint,
       (SELECT d.temp_bytes FROM pg_catalog.pg_stat_database d WHERE d.datname = pg_catalog.current_database())
"""
_FILES = """
SELECT n.nspname || '.' || c.relname, pg_catalog.pg_relation_filenode(c.oid)::bigint,
       pg_catalog.pg_stat_get_tuples_returned(c.oid)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'orch', 'orch_target', 'pg_toast')
"""
_AHEAD = {
    "switch_reads": "switch",
    "expand": "expand",
    "backfill": "backfill",
    "contract": "contract",
    "purge": "purge",
}
PHASES = ("before", "expand", "backfill", "switch", "contract", "undo", "contract again", "purge")
RAMP = 5.0
"""Seconds within which the parts of a ramp follow each other, which stand for a millisecond here."""
_BOTH_FROM = ("backfill", "switch")
TARGET = "rehearsed"
Files = dict[str, tuple[int, int]]


@contextmanager
def service_on(url: str, target: str) -> Iterator[Service]:
    """A service whose Registry and target are a copy, prepared."""
    with Service(Config(url, {target: TargetConfig(target, url, rehearse_from=0)}), client="rehearse") as service:
        service.init()
        yield service


@dataclass(frozen=True, slots=True)
class _Mark:
    """The server's counters at one moment."""

    at: float
    wal: int
    temp: int
    files: Files


@dataclass
class Recorder:
    """Listens to the engine, and measures every step between its beginning and its end."""

    run: str
    link: psycopg.Connection
    load: Load
    watch: Watch
    locks: dict[int, str]
    origin: float
    steps: list[Step] = field(default_factory=list)
    rates: list[tuple[float, float]] = field(default_factory=list)
    phase: str = "before"
    _open: tuple[_Mark, str] | None = None
    _tries: int = 1

    def hear(self, progress: Progress) -> None:
        """One thing that the engine tells."""
        if progress.kind == "step.started":
            self.begin(progress.message)
        elif progress.kind == "step.retry":
            self._tries += 1
        elif progress.kind == "backfill" and progress.rows_per_second is not None:
            self.rates.append((round(time.monotonic() - self.origin, 2), round(progress.rows_per_second, 1)))
        elif progress.kind == "step.done":
            self.end(progress.ordinal or 0)

    def begin(self, description: str) -> None:
        """From now on it is this step that is measured."""
        self._open, self._tries = (self._mark(), description), 1

    def end(self, ordinal: int) -> None:
        """The step that began is over; one that nobody saw begin is not told of."""
        if self._open is None:
            return
        (begin, description), self._open = self._open, None
        end = self._mark()
        time.sleep(0.01)  # the sample that no longer shows the lock
        stopped, longest = self.watch.stopped(begin.at, end.at)
        self.steps.append(
            Step(
                run=self.run,
                phase=self.phase,
                ordinal=ordinal,
                description=description,
                predicted_lock=self.locks.get(ordinal, ""),
                began=round(begin.at - self.origin, 3),
                seconds=round(end.at - begin.at, 3),
                tries=self._tries,
                locks=self.watch.locks(begin.at, end.at),
                resolution_ms=self.watch.gap(begin.at, end.at),
                rewritten=rewritten(begin.files, end.files),
                rows_scanned=max((n - begin.files.get(t, (0, n))[1] for t, (_, n) in end.files.items()), default=0),
                wal_bytes=end.wal - begin.wal,
                temp_bytes=end.temp - begin.temp,
                blocked_sessions=stopped,
                blocked_ms=longest,
                clients=latency(self.load.between(begin.at, end.at)),
            )
        )

    def _mark(self) -> _Mark:
        wal, temp = self.link.execute(_COUNTERS).fetchall()[0]
        return _Mark(time.monotonic(), int(wal), int(temp or 0), files(self.link))


@dataclass
class Walk:
    """One change on one copy. ``rest`` is called whenever it rests, with the phase that ended there."""

    service: Service
    change: str
    load: Load
    recorder: Recorder
    rest: Callable[[str], None]

    def to_the_end(self) -> str:
        """Expand to contract, undo, contract again, purge; which way that was, in a sentence."""
        self.until(State.CONTRACTED)
        if self._state is not State.CONTRACTED:
            return "to the end: done; contract leaves nothing parked, so nothing can be undone after it"
        try:
            self._go_back("undo", lambda: self.service.undo(self.change, reason="a rehearsal"), "new")
        except Blocked as error:
            self.until(State.COMPLETED)
            return f"contract, purge: done; undo between is refused: {error.message}"
        self._forward("contract again")
        self.until(State.COMPLETED)
        return "contract, undo, contract again, purge: done"

    def abort_from(self, state: State) -> str:
        """Abort once the change rests there; what came of it, in a sentence, and nothing if it never rests there."""
        self.until(state)
        if self._state is not state:
            return ""
        title = f"abort from {state.value}"
        began = time.monotonic()
        try:
            self._go_back(title, lambda: self.service.abort(self.change, reason="a rehearsal"), "old")
        except OrchError as error:
            return f"{title} is refused: {error.message}"
        return f"{title}: everything as before after {time.monotonic() - began:.1f} s"

    def until(self, goal: State) -> None:
        """Phase by phase, until the change rests at ``goal`` or is over."""
        while self._state not in (goal, State.COMPLETED):
            gate = GATE_AHEAD[self._state]
            self._forward(_AHEAD[gate.value])

    @property
    def _state(self) -> State:
        return self.service.status(self.change).state

    def _forward(self, phase: str) -> None:
        """One phase. Before contract nothing uses the old shape any more."""
        shapes = ("old", "new") if phase in _BOTH_FROM else ("old",) if phase == "expand" else ("new",)
        self.recorder.phase = phase
        self.load.let(phase, *shapes)
        status = self.service.status(self.change)
        if status.gate is not None and any(need.kind == "approval" for need in status.gate.missing):
            self.service.approve(self.change)
        try:
            self.service.advance(self.change, wait=RAMP, listen=self.recorder.hear)
        except OrchError:
            if self._state is status.state:
                raise
        self._rested(phase)

    def _go_back(self, phase: str, ask: Callable[[], object], *shapes: str) -> None:
        self.recorder.phase = phase
        self.load.let(phase, *shapes)
        ask()
        self.service.advance(self.change, listen=self.recorder.hear)
        self._rested(phase)

    def _rested(self, phase: str) -> None:
        self.load.let(phase)
        self.rest(phase)


def files(link: psycopg.Connection) -> Files:
    """Of each table the file that holds it, as this session sees it, and how many rows were read from it."""
    return {table: (file or 0, int(rows)) for table, file, rows in link.execute(_FILES).fetchall()}


def rewritten(before: Files, after: Files) -> tuple[str, ...]:
    """The tables whose file is another one."""
    return tuple(table for table, (file, _) in after.items() if table in before and before[table][0] != file)


def predicted(view: PlanView) -> dict[int, str]:
    """The lock that each step of a plan is expected to take."""
    return {step.ordinal: step.lock for step in view.steps}


def quiet(load: Load, seconds: float) -> Latency:
    """How long clients wait while nothing changes."""
    load.let("before", "old")
    began = time.monotonic()
    time.sleep(seconds)
    load.let("before")
    return latency(load.between(began, time.monotonic()))


__all__ = ["PHASES", "Listener", "Recorder", "Walk", "predicted", "quiet", "service_on"]
