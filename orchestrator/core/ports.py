"""What the engine needs of a target database, as Protocols, and the failures it must tell apart.

Why it exists: the engine holds the protocol (intent, execute, observe, outcome) and no SQL; a dialect holds SQL and no
protocol. Failures are told apart here by what the engine does next, not by SQLSTATE.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # what the Protocols speak of; whoever only looks is spared loading it
    from orchestrator.core.asked import Asked
    from orchestrator.core.catalog import Catalog, Dependent, TableName
    from orchestrator.core.comparison import Compared, Comparison, Part, Standing, Walk
    from orchestrator.core.exported import Exported
    from orchestrator.core.plan import Plan
    from orchestrator.core.reading import Proof, Rehearsal, Usage
    from orchestrator.core.step import Backfill, Step
    from orchestrator.core.view import RunningView
    from state.model import Rehearsed


class Seen(StrEnum):
    """What the catalog shows of a Step."""

    DONE = "done"
    ABSENT = "absent"
    PARTIAL = "partial"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen, and the sentence for people (what was expected, where it is not simply done or absent).

    ``gone``: it is foreign because what the Step is about (its table, its column) is no more, so nothing is left to undo.
    """

    seen: Seen
    detail: str = ""
    gone: bool = False


class TargetError(Exception):
    """The target refused a statement. ``sqlstate`` is empty when there was no answer."""

    def __init__(self, message: str, sqlstate: str = "") -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class LockNotGranted(TargetError):
    """A lock was not granted in time, or a deadlock was broken: try again a little later."""


class OutOfTime(LockNotGranted):
    """A statement was cancelled, mostly at its limit. It may have waited for locks, or just have been long."""


class Fenced(TargetError):
    """A newer fence stands on the target: we are the zombie."""


class ValueRefused(TargetError):
    """A row's value was refused (SQLSTATE classes 22 and 23)."""


class Unclear(TargetError):
    """A question has no answer; the message says why, for people."""


class ConnectionLost(TargetError):
    """The connection is gone; whether the last statement took effect must be observed."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Who executes what: written to ``orch_target.marker`` in the Step's own transaction."""

    change_id: str
    step_id: str
    ordinal: int
    fence: int
    plan_sha256: str


@dataclass(frozen=True, slots=True)
class Marks:
    """What the Target itself remembers of a Change: the fence that stands, and per step id the fence it was done under."""

    fence: int
    done: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a lane of a Backfill stands. ``position`` is the dialect's own; None before it has one.

    ``done``: its range is filled. ``turn`` says in which row the marker is by now, ``moves`` how often it was updated there.
    ``fenced`` are the seconds that the server has spent on the fence checks of batches so far. ``plain`` is why it goes without
    stripes, for ``plain_left`` windows more. Of a mop-up, ``sweep`` is where its pass stands (None between two passes),
    ``swept`` how many rows the pass has filled, ``waits`` that it waits for locked rows rather than skip them, ``ended`` that
    nothing is left.
    """

    position: tuple[str, ...] | None
    rows: int
    done: bool
    ended: bool = False
    turn: int = 0
    moves: int = 0
    fenced: float = 0.0
    lane: int = 0
    plain: str = ""
    plain_left: int = 0
    sweep: tuple[str, ...] | None = None
    swept: int = 0
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Sql:
    """A Step in SQL: messages to send, what they lock and cost, and how they are undone."""

    messages: tuple[tuple[str, ...], ...]
    lock: str
    rewrites: bool
    scans: bool
    undo: tuple[tuple[str, ...], ...]
    undo_note: str


class Reader(Protocol):
    """Read-only questions to the target; Checks and Signals bring their own SQL."""

    def rows(self, query: Any, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query. Raises TargetError."""

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of a query written by a person, read-only, names resolved as for the login. Raises TargetError."""

    def observe(self, step: Step, step_id: str) -> Observation:
        """What the catalog shows of the Step."""

    def dependents(self, table: TableName) -> tuple[Dependent, ...]:
        """What names the table or one of its columns."""

    def standing(self, comparison: Comparison, syncs: Sequence[str]) -> Standing | None:
        """Where a comparison is made, under which syncs (by id) and what else; None when there is no such table."""

    def part(self, comparison: Comparison, standing: Standing, walk: Walk, rows: int | None) -> Part:
        """Ask a comparison of the next ``rows`` rows of a walk; of all rows, in one statement, where that is None."""

    def usage(self, tables: Sequence[TableName], asked: Sequence[str]) -> Usage:
        """Statements in use that name one of the tables; ``asked`` are queries of the Change's own, which do not count."""

    def rehearse(self, wanted: Rehearsal) -> Proof:
        """What some Steps would do to statements in use, tried on a clone that holds no data. Raises TargetError."""

    def quiet(self, change_id: str, calls: Mapping[str, int]) -> Mapping[str, float]:
        """For how many seconds each statement (by its key) was not seen to be called; remembers what is seen now."""


class Examiner(Reader, Protocol):
    """A Reader that makes full comparisons, range by range where it can."""

    @property
    def rehearsed(self) -> Rehearsed | None:
        """The last rehearsal of this very Plan, as the Registry keeps it."""

    @property
    def rehearse_from(self) -> int:
        """From how many rows on a table's changes must have been rehearsed; 0 for never."""

    def on_replicas(self, query: Any, parameters: Sequence[Any] = ()) -> Mapping[str, list[tuple[Any, ...]] | str]:
        """By name, all rows of a query on each configured replica, or why there are none."""

    def compare(self, comparison: Comparison) -> Compared:
        """Ask the question of every row. Raises TargetError."""


class Watcher(Reader, Protocol):
    """A session for Signals."""

    @property
    def version(self) -> int:
        """The server's major version."""


class Session(Reader, Protocol):
    """One connection to the target, named by change, fence and ordinal."""

    def apply(self, step: Step, mark: Mark) -> None:
        """Send the Step once. Raises TargetError."""

    def undo(self, step: Step, mark: Mark) -> None:
        """Send the Step's undo once. Raises TargetError."""

    def repair(self, step: Step, mark: Mark) -> None:
        """Remove a partial effect (an invalid index), so that the Step can be applied again."""

    def remember(self, mark: Mark) -> None:
        """Leave the marker of a Step that was found done. Raises TargetError."""

    def forget(self, mark: Mark) -> None:
        """Remove the marker of a Step that was found absent. Raises TargetError."""

    def begin_backfill(self, step: Backfill, mark: Mark) -> tuple[Cursor, ...]:
        """Prepare statistics and the lanes, at least one; where an earlier attempt stood, if there was one."""

    def join_backfill(self, step: Backfill) -> None:
        """Prepare a further session to send batches of a Backfill that has begun."""

    def batch(self, step: Backfill, mark: Mark, cursor: Cursor, skips: bool = False) -> Cursor:
        """One transaction: rows, cursor and fence check; ``skips`` leaves locked rows to the mop-up. Raises TargetError."""

    def mop_up(self, step: Backfill, mark: Mark, cursor: Cursor) -> Cursor:
        """One batch of whatever is left anywhere; ``ended`` once nothing is."""

    def left(self, step: Backfill) -> int:
        """How many rows are still to be filled; reads the whole table."""

    def refused(self, step: Backfill) -> tuple[int, tuple[str, ...]]:
        """How many rows a constraint or trigger of the table keeps empty, and the first of them: key and SQLSTATE."""

    def end_backfill(self, step: Backfill, mark: Mark, cursor: Cursor) -> Cursor:
        """Commit the marker's done_at synchronously."""

    def estimate(self, step: Backfill) -> int | None:
        """Estimated number of rows."""

    def cancel(self) -> None:
        """Cancel what runs, from another thread."""


class Target(Protocol):
    """One target database."""

    name: str
    rehearse_from: int

    def bootstrap(self) -> list[str]:
        """Create or update schema ``orch_target``; idempotent. Returns what was done."""

    def lacking(self) -> list[str]:
        """What of schema ``orch_target`` is missing, or is older than this code. Raises TargetError."""

    def snapshot(self, asked: Asked) -> Catalog:
        """The Catalog a Plan needs."""

    def taken(self, names: Sequence[TableName]) -> list[TableName]:
        """Of these names of tables, indexes and the like, those that something bears. Raises TargetError."""

    def sql(self, step: Step) -> Sql:
        """The Step in SQL, for people."""

    def exported(self, plan: Plan, sha256: str) -> Exported:
        """A Plan for another migration tool. Raises Invalid for what only orch can run."""

    def marks(self, change_id: str) -> Marks:
        """What the Target itself remembers of a Change. Raises TargetError, Invalid without ``orch_target``."""

    def raise_fence(self, change_id: str, fence: int, patience: float) -> list[str]:
        """Shut out older fences and end their sessions; returns what was ended, for the history."""

    def session(self, change_id: str, fence: int, ordinal: int) -> AbstractContextManager[Session]:
        """A session of ours."""

    def reader(self, captured: Usage | None = None) -> AbstractContextManager[Reader]:
        """A session that only reads. ``captured`` are statements in use, where they come from elsewhere."""

    def watching(self, change_id: str, fence: int, ordinal: int) -> AbstractContextManager[Watcher]:
        """A session of ours for Signals, whose questions are refused when they take long."""

    def overlooking(self) -> AbstractContextManager[Watcher]:
        """A session for Signals beside a verification: as ``watching``, and it only reads."""

    def doing(self, changes: Collection[str]) -> list[RunningView]:
        """What our sessions there do now. Raises TargetError, Unreachable."""

    @property
    def replicas(self) -> tuple[str, ...]:
        """The configured replicas, by name."""

    def replica(self, name: str) -> AbstractContextManager[Reader]:
        """A session that only reads, on a replica. Raises Unreachable."""

    def probing(self, query: str) -> AbstractContextManager[Callable[[], None]]:
        """Runs a person's statement as the application would, read-only, whenever called. Raises TargetError."""
