"""Full comparisons range by range: throttled like a backfill, seen while they run, gone on with after a kill.

Why it exists: a Check says what a right row is; how a table of any size is read without holding a snapshot, without pressing on
the application and without beginning anew after every disturbance is said once, here. Nothing is locked and nothing written to
the target.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from orchestrator.core.catalog import Dependent, TableName
from orchestrator.core.comparison import Compared, Comparison, Part, Standing, Walk
from orchestrator.core.plan import Plan
from orchestrator.core.ports import LockNotGranted, Observation, OutOfTime, Reader, Unclear
from orchestrator.core.progress import Listener, Progress, onward
from orchestrator.core.reading import Proof, Rehearsal, Usage
from orchestrator.core.step import Backfill, Step
from orchestrator.core.throttle import LEAST, next_rows
from orchestrator.engine.book import Blank
from orchestrator.engine.progress import REPORT_EVERY, Meter
from orchestrator.engine.run import jittered
from orchestrator.engine.throttle import Brake

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
    proceed: Callable[[], None] = onward

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

    def compare(self, comparison: Comparison) -> Compared:
        """Ask the question of every row.

        Raises Unclear when the sync (or the server's life) was not the same before and after, or the table takes too long.
        """
        began = time.monotonic()
        standing = self._standing(comparison)
        walk = self.book.open(comparison, standing)
        pace = _Pace(self, comparison, standing, Meter(standing.rows), FIRST)
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

    def settings(self, comparison: Comparison) -> Backfill:
        """What the change allows a batch on this table to take, and a standby to lag."""
        steps = (p.step for p in self.plan.backfills() if isinstance(p.step, Backfill))
        mine = (step for step in steps if step.table == comparison.table)
        return next(mine, Backfill(comparison.table, "", comparison.key, ""))


@dataclass
class _Pace:
    """Brings one range after the other about, as big as the last one allows, when nothing stands against it."""

    looking: Examining
    comparison: Comparison
    standing: Standing
    meter: Meter
    rows: int
    _told_at: float = field(default_factory=time.monotonic)
    _step: Backfill = field(init=False)
    _brake: Brake = field(init=False)

    def __post_init__(self) -> None:
        self._step = self.looking.settings(self.comparison)
        self._brake = Brake(self.looking.reader, self._step, self.looking.proceed)

    def part(self, walk: Walk) -> Part:
        """One range; locks of somebody's DDL are waited out, and what takes too long is cut smaller."""
        for attempt in range(LOCK_TRIES):
            self._brake.wait(partial(self.tell, walk))
            started = time.monotonic()
            try:
                done = self.looking.part(self.comparison, self.standing, walk, self._size())
            except OutOfTime:
                self._smaller()
            except LockNotGranted as error:
                if attempt == LOCK_TRIES - 1:
                    raise
                self.tell(walk, f"waits for a lock on {self.comparison.table}: {error}")
                time.sleep(jittered(0.1))
            else:
                self.rows = next_rows(self.rows, time.monotonic() - started, self._step.statement_time, MOST)
                return done
        raise AssertionError("the last try returns or raises")

    def _size(self) -> int | None:
        return self.rows if self.standing.ordered and not self.comparison.whole else None

    def _smaller(self) -> None:
        where = self.comparison.table
        if self._size() is None:
            raise Unclear(f"{where} takes too long to compare in one statement, and has no key to go by: give it one")
        if self.rows <= LEAST:
            raise Unclear(f"even {LEAST} rows of {where} take too long to compare: is there an index on its key?")
        self.rows = max(LEAST, self.rows // 10)

    def tell(self, walk: Walk, throttle: str | None = None) -> None:
        """Say and keep where it stands, at most every REPORT_EVERY seconds."""
        now = time.monotonic()
        self.meter.note(now, walk.tally.rows)
        if now - self._told_at < REPORT_EVERY:
            return
        self._told_at = now
        rate, eta = self.meter.rate, self.meter.eta(walk.tally.rows)
        if not walk.done:
            self.looking.book.note(walk, self.standing.rows, rate, eta, throttle)
        message = f"{self.comparison.name}: {'once more what was written meanwhile' if walk.late else 'comparing rows'}"
        figures = (walk.tally.rows, self.standing.rows, rate, eta, throttle)
        self.looking.listen(Progress(self.looking.plan.change_id, None, "compare", message, *figures))
