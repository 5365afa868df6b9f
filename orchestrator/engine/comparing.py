"""Full comparisons range by range: throttled like a backfill, seen while they run, gone on with after a kill.

Why it exists: a Check says what a right row is; how a table of any size is read without holding a snapshot, without pressing on
the application and without beginning anew after every disturbance is said once, here. Nothing is locked and nothing written to
the target.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from orchestrator.core import eta
from orchestrator.core.catalog import Dependent, TableName
from orchestrator.core.comparison import Compared, Comparison, Part, Standing, Walk
from orchestrator.core.control import Control
from orchestrator.core.errors import OrchError
from orchestrator.core.plan import Plan
from orchestrator.core.ports import LockNotGranted, Observation, OutOfTime, Reader, Target, TargetError, Unclear
from orchestrator.core.progress import Listener, Progress, onward
from orchestrator.core.reading import Proof, Rehearsal, Usage
from orchestrator.core.step import Step
from orchestrator.core.throttle import LEAST, Servo
from orchestrator.engine.book import Blank
from orchestrator.engine.brake import Brake, stopped
from orchestrator.engine.monitor import Monitor
from orchestrator.engine.progress import REPORT_EVERY
from orchestrator.engine.run import jittered
from state.model import Rehearsed

FIRST = 1_000
"""Rows of the first range; what it took says how many the next may have."""
MOST = 200_000
"""Rows of a range at most: reading blocks nobody, so more than a backfill may write at once."""
LOCK_TRIES = 50
"""Tries of one range against a lock of somebody's DDL before the question is given up."""


@dataclass
class Examining:
    """The Reader that Checks are given: its comparisons go range by range. ``proceed`` is asked between two, and may raise."""

    reader: Reader
    plan: Plan
    listen: Listener
    book: Blank
    target: Target
    control: Control
    proceed: Callable[[], None] = onward
    rehearsed: Rehearsed | None = None

    @property
    def rehearse_from(self) -> int:
        """From how many rows on a rehearsal is asked for."""
        return self.target.rehearse_from

    def rows(self, query: Any, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query. Raises TargetError."""
        return self.reader.rows(query, parameters)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of a query written by a person. Raises TargetError."""
        return self.reader.ask(query)

    def observe(self, step: Step, step_id: str) -> Observation:
        """What the catalog shows of the Step."""
        return self.reader.observe(step, step_id)

    def dependents(self, table: TableName) -> tuple[Dependent, ...]:
        """What names the table or one of its columns."""
        return self.reader.dependents(table)

    def standing(self, comparison: Comparison, syncs: Sequence[str]) -> Standing | None:
        """Where a comparison is made, and under what."""
        return self.reader.standing(comparison, syncs)

    def part(self, comparison: Comparison, standing: Standing, walk: Walk, rows: int | None) -> Part:
        """Ask a comparison of a range."""
        return self.reader.part(comparison, standing, walk, rows)

    def usage(self, tables: Sequence[TableName], asked: Sequence[str]) -> Usage:
        """Statements in use that name one of the tables."""
        return self.reader.usage(tables, asked)

    def rehearse(self, wanted: Rehearsal) -> Proof:
        """What some Steps would do to statements in use. Raises TargetError."""
        return self.reader.rehearse(wanted)

    def quiet(self, change_id: str, calls: Mapping[str, int]) -> Mapping[str, float]:
        """For how many seconds each statement was not seen to be called."""
        return self.reader.quiet(change_id, calls)

    def on_replicas(self, query: Any, parameters: Sequence[Any] = ()) -> Mapping[str, list[tuple[Any, ...]] | str]:
        """By name, all rows of a query on each configured replica, or why there are none."""
        return {name: self._on_replica(name, query, parameters) for name in self.target.replicas}

    def _on_replica(self, name: str, query: Any, parameters: Sequence[Any]) -> list[tuple[Any, ...]] | str:
        try:
            with self.target.replica(name) as replica:
                return replica.rows(query, parameters)
        except TargetError as error:
            return f"SQLSTATE {error.sqlstate}" if error.sqlstate else "the connection was lost"
        except OrchError:
            return "it cannot be reached"

    def watch(self, table: TableName) -> Monitor:
        """Who reads the Signals while a table is compared."""
        return Monitor(self.target, table, self.plan.change_id, self.target.overlooking, self.control)

    def compare(self, comparison: Comparison) -> Compared:
        """Ask the question of every row.

        Raises Unclear when the sync (or the server's life) was not the same before and after, or the table takes too long.
        """
        began = time.monotonic()
        standing = self._standing(comparison)
        walk = self.book.open(comparison, standing)
        with ExitStack() as stack:
            pace = _Pace(self, comparison, standing, stack)
            while not walk.done:
                walk = walk.after(pace.part(walk))
                pace.tell(walk)
        if self._standing(comparison).identity != standing.identity:
            raise Unclear(
                f"the sync of {comparison.table} was replaced, or the table or server, while rows were compared"
            )
        self.book.note(walk, standing.rows)
        return Compared(walk.tally, standing.server, time.monotonic() - began)

    def _standing(self, comparison: Comparison) -> Standing:
        syncs = [sync.id for sync in self.plan.syncs() if sync.table == comparison.table]
        found = self.reader.standing(comparison, syncs)
        if found is None:
            raise Unclear(f"there is no table {comparison.table}")
        return found


@dataclass
class _Pace:
    """Brings one range after the other about, as big as the last one allows, when nothing stands against it.

    ``stack`` ends what was begun. A table of one range has no Signal read for it.
    """

    looking: Examining
    comparison: Comparison
    standing: Standing
    stack: ExitStack
    _rate: eta.Pace = field(default_factory=eta.Pace)
    _told_at: float = field(default_factory=time.monotonic)
    _brake: Brake = field(init=False)

    def __post_init__(self) -> None:
        monitor = self.looking.watch(self.comparison.table)
        self._brake = Brake(monitor, Servo(FIRST, MOST), self.looking.proceed)

    def part(self, walk: Walk) -> Part:
        """One range; locks of somebody's DDL are waited out, and what takes too long is cut smaller."""
        for attempt in range(LOCK_TRIES):
            self._wait(walk)
            rows, started = self._size(), time.monotonic()
            try:
                done = self.looking.part(self.comparison, self.standing, walk, rows)
            except OutOfTime:
                self._smaller()
            except LockNotGranted as error:
                if attempt == LOCK_TRIES - 1:
                    raise
                self.tell(walk, f"waits for a lock on {self.comparison.table}: {error}")
                time.sleep(jittered(0.1))
            else:
                self._brake.after(rows or 0, time.monotonic() - started)
                return done
        raise AssertionError("the last try returns or raises")

    def _wait(self, walk: Walk) -> None:
        if walk.position is None and not walk.late and self._size() is not None:
            self.looking.proceed()
            return
        if not self._brake.monitor.begun:
            self.stack.enter_context(self._brake.monitor).wait_for_first()
        self._brake.wait(lambda found: self.tell(walk, stopped(found)))

    def _size(self) -> int | None:
        return self._brake.servo.rows if self.standing.ordered and not self.comparison.whole else None

    def _smaller(self) -> None:
        where = self.comparison.table
        if self._size() is None:
            raise Unclear(f"{where} takes too long to compare in one statement, and has no key to go by: give it one")
        if self._brake.servo.rows <= LEAST:
            raise Unclear(f"even {LEAST} rows of {where} take too long to compare: is there an index on its key?")
        self._brake.servo = self._brake.servo.smaller()

    def tell(self, walk: Walk, throttle: str | None = None) -> None:
        """Say and keep where it stands, at most every REPORT_EVERY seconds."""
        now = time.monotonic()
        self._rate = self._rate.at(now, walk.tally.rows)
        if now - self._told_at < REPORT_EVERY:
            return
        self._told_at = now
        rate, left = self._rate.rate, self._left(walk, throttle)
        if not walk.done:
            self.looking.book.note(walk, self.standing.rows, rate, left, throttle)
        message = f"{self.comparison.name}: {'once more what was written meanwhile' if walk.late else 'comparing rows'}"
        figures = (walk.tally.rows, self.standing.rows, rate, left, throttle)
        self.looking.listen(Progress(self.looking.plan.change_id, None, "compare", message, *figures))

    def _left(self, walk: Walk, throttle: str | None) -> float | None:
        total = self.standing.rows
        return self._rate.eta(None if total is None else total - walk.tally.rows, throttle).likely
