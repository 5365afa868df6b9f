"""One release in the middle of the chaos: databases, applications, and the person who approves.

The person keeps the rules an operator keeps: the new shape is used once it stands, the old one is left before contract, the
new one before abort. What the applications may do is decided here, never by what orch says of itself.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import psycopg

from orchestrator.core.arrival import FORWARD
from orchestrator.core.errors import Blocked, Indeterminate, OrchError
from orchestrator.core.status import Status
from orchestrator.demo.facts import Stage
from orchestrator.engine.runner import PHASE_OF
from state.model import State, StepStatus
from tests.chaos.cases import BAN, CHANGE, LIFT, SCHEMA, WATCH_FENCE, Case
from tests.chaos.children import service
from tests.chaos.servers import Pair
from tests.support.applications import Table, TwoVersions, plain

T = TypeVar("T")
PATIENCE = 60.0
SYNCHRONOUS = "-c synchronous_commit=on"
"""The applications' own commits are durable; the server's default is not, and orch must not rely on it."""


class Shapes:
    """What the application's deployments may use. ``stands``: whether a new version may use the new shape."""

    def __init__(self) -> None:
        self.stands = False

    def look(self, connection: psycopg.Connection[Any], changes: Sequence[str]) -> Mapping[str, Stage]:
        """Whether reads go to the new shape is asked where an application asks it."""
        if not self.stands:
            return {}
        row = connection.execute("SELECT orch_target.reads_new(%s)", (CHANGE,)).fetchone()
        return {CHANGE: Stage(True, bool(row and row[0]))}


class Applications(TwoVersions):
    """The load, which can be made to hold its breath."""

    @contextlib.contextmanager
    def still(self) -> Iterator[None]:
        """No transaction is under way inside."""
        with contextlib.ExitStack() as stack:
            for session in self._sessions:
                stack.enter_context(session.turn)
            yield


@dataclass(frozen=True)
class Places:
    """Where Registry and Target are; one server or two, one database or two."""

    registry: Pair
    target: Pair
    registry_database: str
    target_database: str

    @property
    def registry_url(self) -> str:
        """How orch reaches the Registry."""
        return self.registry.url(self.registry_database)

    @property
    def target_url(self) -> str:
        """How orch reaches the Target."""
        return self.target.url(self.target_database)

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The servers, each once."""
        return (self.target,) if self.registry is self.target else (self.registry, self.target)


class Scene:
    """A change under way. A context manager: leaving it stops the applications."""

    def __init__(self, places: Places, case: Case, number: int) -> None:
        self.places, self.case = places, case
        self.service = service(places.registry_url, places.target_url)
        self.shapes = Shapes()
        self._scratch = tempfile.TemporaryDirectory(prefix="orch-chaos-")
        self.log = Path(self._scratch.name)
        self.load = Applications(
            places.target.url(places.target_database, SYNCHRONOUS),
            Table("things", (case.field, plain("counter", lambda random: random.randrange(1000)))),
            stages=self.shapes,
            directory=self.log,
            pause=0.02,
            seed=number,
        )

    def __enter__(self) -> Self:
        _create(self.places)
        self.run(SCHEMA)
        self.service.init()
        self.run(WATCH_FENCE)
        self.service.submit(self.case.source, "change.yaml")
        self.load.__enter__()
        return self

    def __exit__(self, *problem: Any) -> None:
        self.load.__exit__(None, None, None)
        self.service.close()
        self._scratch.cleanup()
        _drop(self.places)

    def run(self, script: str) -> None:
        """A script on the target; what it did outlives a crash."""
        url = self.places.target.url(self.places.target_database, SYNCHRONOUS)
        with psycopg.connect(url, autocommit=True) as link:
            link.execute(script.encode())

    @contextlib.contextmanager
    def forbidding(self) -> Iterator[None]:
        """A rule of the house refuses orch's DDL and its batches on the target, but nobody else's."""
        self.run(BAN)
        try:
            yield
        finally:
            self.run(LIFT)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of a query on the target."""
        return self.insist(lambda: self.places.target.ask(query, database=self.places.target_database))

    # -- the person ----------------------------------------------------------------------------------------------

    def insist(self, act: Callable[[], T]) -> T:
        """Try again while servers are away. Refusals are raised."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return act()
            except (Blocked, Indeterminate):
                raise
            except (psycopg.OperationalError, OrchError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    @property
    def status(self) -> Status:
        """Where the change stands."""
        return self.insist(lambda: self.service.status(CHANGE))

    @property
    def builds_next(self) -> bool:
        """Whether the next worker comes to an index that is not built yet."""
        status = self.status
        phase = status.gate.phase.value if status.gate else PHASE_OF.get(status.state)
        open_steps = [row for row in status.steps if row.status is not StepStatus.DONE]
        return any(row.kind == "create_index" and row.phase == phase for row in open_steps)

    @property
    def fills_next(self) -> bool:
        """Whether a backfill is what the next worker comes to."""
        status = self.status
        begun = status.state is State.BACKFILLING or (status.gate is not None and status.gate.phase.value == "backfill")
        return begun and any(row.kind == "backfill" and row.status is not StepStatus.DONE for row in status.steps)

    def outwait(self) -> None:
        """Let the lease of whoever died end."""
        deadline = time.monotonic() + PATIENCE
        while self.status.lease is not None and time.monotonic() < deadline:
            time.sleep(0.1)

    def prepare(self, goal: State) -> Status:
        """Whatever a person does before the next advance towards ``goal``; where the change stands then."""
        status = self.status
        if status.state in FORWARD and goal not in (State.ABORTED,):
            if not self.shapes.stands and self._stands():
                self.shapes.stands = True
            if status.state is State.SWITCHED and _behind(goal, State.SWITCHED):
                self.load.drop_old(CHANGE)
        if (
            status.state is not goal
            and status.gate is not None
            and any(need.kind == "approval" for need in status.gate.missing)
        ):
            with contextlib.suppress(Blocked):
                self.insist(lambda: self.service.approve(CHANGE))
        return status

    def _stands(self) -> bool:
        """Whether the new shape can be written, by the catalog: its column and, where there is one, its sync."""
        column = self.case.field.new or self.case.field.old
        found = self.rows(
            "SELECT (SELECT count(*) FROM pg_attribute WHERE attrelid = 'things'::regclass AND NOT attisdropped"
            f" AND attname = '{column}') = 1 AND ({not self.case.synced} OR (SELECT count(*) FROM pg_trigger t"
            " JOIN pg_proc p ON p.oid = t.tgfoid WHERE tgrelid = 'things'::regclass"
            " AND p.pronamespace = 'orch_target'::regnamespace) > 0)"
        )
        return bool(found[0][0]) and self.status.state not in (State.PLANNED, State.EXPANDING)

    @property
    def old_stands(self) -> bool:
        """Whether the old shape can be written, by the catalog: a failover may have taken an undo back that orch recorded."""
        query = (
            "SELECT count(*) FROM pg_attribute WHERE attrelid = 'things'::regclass AND NOT attisdropped AND attname = "
        )
        return self.rows(f"{query}'{self.case.field.old}'") == [(1,)]

    def abort(self) -> None:
        """Take the applications back to the old shape, then abort."""
        with self.load.still():
            self.shapes.stands = False
        self.load.bring_back(CHANGE)
        self._ask_once(lambda: self.service.abort(CHANGE, reason="chaos"), State.ABORTING, State.ABORTED)

    def undo(self) -> None:
        """Undo contract or the switch; old versions come back once that is done."""
        going = (State.UNDOING, State.UNSWITCHING, State.SWITCHED, State.BACKFILLED)
        before = self.status.state
        self._ask_once(lambda: self.service.undo(CHANGE, reason="chaos"), *(s for s in going if s is not before))

    def _ask_once(self, act: Callable[[], object], *after: State) -> None:
        """An intent whose answer may get lost: it is asked again only if it did not arrive."""
        deadline = time.monotonic() + PATIENCE
        while self.status.state not in after:
            try:
                self.insist(act)
            except Blocked:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


def _behind(goal: State, state: State) -> bool:
    return goal in FORWARD and FORWARD.index(goal) > FORWARD.index(state)


def _create(places: Places) -> None:
    places.target.ask(f"CREATE DATABASE {places.target_database}")
    if places.registry_database != places.target_database or places.registry is not places.target:
        places.registry.ask(f"CREATE DATABASE {places.registry_database}")


def _drop(places: Places) -> None:
    for server, name in {(places.target, places.target_database), (places.registry, places.registry_database)}:
        server.ask(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
