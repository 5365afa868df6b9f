"""What happens to a worker, its connections and its servers. Each disturbance is counted only once it has really happened."""

from __future__ import annotations

import contextlib
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import psycopg

from tests.chaos.cases import CHANGE
from tests.chaos.children import LEASE, Child, Order
from tests.chaos.points import MOMENTS, POINTS, End, eagerness
from tests.chaos.scene import Scene

EXPECTED = (0, 1, 2, 3, 4, 5, 6)
"""Exit codes with which a disturbed worker may end; each has words. 7 would ask for a person, who has done nothing here."""


DEEP = 0.7
"""Share of the workers that do not end where many have."""
_NUMBERS = re.compile(r"\d+")


@dataclass
class Tally:
    """What was done so far, over all rounds. ``visits``: how often a worker ended at a point; ``passes``: came to it."""

    kinds: Counter[str] = field(default_factory=Counter)
    visits: dict[End, Counter[str]] = field(default_factory=lambda: {"kill": Counter(), "freeze": Counter()})
    passes: Counter[str] = field(default_factory=Counter)
    passers: int = 0
    codes: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """Disturbances."""
        return sum(self.kinds.values())

    def eager(self, end: End, only: Sequence[str], *, deep: bool) -> dict[str, float]:
        """Where the next worker shall rather end; ``only`` at points of some actions, if any are given."""
        found = eagerness(self.visits[end], self.passes, self.passers, deep=deep)
        return {point: 0.0 if only and not point.endswith(tuple(only)) else each for point, each in found.items()}

    def aim(self, action: str) -> dict[str, float]:
        """Where a worker shall be killed that is led to one action: surely, at the moment of it that has been struck least."""
        point = min((f"{moment} {action}" for moment in MOMENTS), key=lambda each: self.visits["kill"][each])
        return {**dict.fromkeys(POINTS, 0.0), point: 1.0}


@dataclass
class Chaos:
    """Disturbs one scene. ``faults`` is what went wrong, ``outages`` when the applications had no server."""

    scene: Scene
    tally: Tally
    chance: random.Random
    faults: list[str] = field(default_factory=list)
    outages: list[tuple[float, float]] = field(default_factory=list)

    def once(self) -> None:
        """One worker, and something that happens to it; now and then while the lease of a dead one still runs."""
        if self.chance.random() < 0.7:
            self.scene.outwait()
        kinds: dict[Callable[[], None], int] = {
            self._killed_at_a_point: 60,
            self._killed_at_any_instant: 14,
            self._frozen_at_a_point: 20,
            self._frozen_at_any_instant: 6,
            self._competed_with: 8,
            self._disconnected: 10,
            self._crashed: 8,
            self._failed_over: 8 if len(self.scene.places.pairs) == 1 else 24,
            self._locked_out: 8,
            self._refused: 8,
            self._build_broken: 300 if self.scene.builds_next else 0,
            self._killed_over_the_end_of_filling: 60 if self.scene.fills_next else 0,
        }
        self.chance.choices(list(kinds), list(kinds.values()))[0]()

    def calm(self) -> Child:
        """A worker that nothing happens to."""
        self.scene.outwait()
        return self._end(self._child())

    def settle(self) -> None:
        """Advance what has come to its end once more: a target that failed over since lost the end, and nobody else looks."""
        self.scene.outwait()
        self._end(self._child(sweeps=False))

    def _child(
        self, end: End | None = None, *, only: Sequence[str] = (), aim: str = "", sweeps: bool | None = None
    ) -> Child:
        places = self.scene.places
        sweeping = self.chance.random() < 0.3 if sweeps is None else sweeps
        if sweeping:
            with contextlib.suppress(Exception):
                self.scene.service.request(CHANGE)
        seed = str(self.chance.random())
        eager = self.tally.aim(aim) if aim else {}
        if end and not aim:
            eager = self.tally.eager(end, only, deep=self.chance.random() < DEEP)
        order = Order(places.registry_url, places.target_url, CHANGE, sweeping, end, eager, seed)
        return Child(order)

    def _end(self, child: Child) -> Child:
        """Wait for its end, and judge it."""
        if not child.rest():
            child.explain()
            child.kill()
            self.faults.append(f"a worker did not end: {child.words}")
        elif child.code not in EXPECTED and child.code != -9:
            self.faults.append(f"a worker ended with {child.code}: {child.words}")
        if child.passed:
            self.tally.passers += 1
            self.tally.passes.update(child.passed)
        self.tally.codes[f"{child.code} {_NUMBERS.sub('n', child.words)[:90]}"] += 1
        return child

    def _count(self, kind: str) -> None:
        self.tally.kinds[kind] += 1

    def _count_end(self, child: Child, end: End = "kill") -> None:
        """Count the point at which the worker was killed or frozen, if it was."""
        if child.struck:
            self._count("killed at a point" if end == "kill" else "frozen at a point")
            self.tally.visits[end][child.struck] += 1

    # -- the worker ----------------------------------------------------------------------------------------------

    def _killed_at_a_point(self) -> None:
        self._count_end(self._end(self._child("kill")))

    def _killed_over_the_end_of_filling(self) -> None:
        """Nothing else ends this worker: it has the whole table before it, and most would not get so far."""
        self._count_end(self._end(self._child("kill", aim="end filling")))

    def _killed_at_any_instant(self) -> None:
        child = self._child()
        child.rest(self.chance.uniform(0.02, 0.6))
        if child.kill():
            self._count("killed at any instant")

    def _frozen_at_a_point(self) -> None:
        child = self._child("freeze")
        child.rest(until_struck=True)
        if child.struck and child.code is None:
            self._count_end(child, "freeze")
            self._outlived(child)
        self._end(child)

    def _frozen_at_any_instant(self) -> None:
        child = self._child()
        child.rest(self.chance.uniform(0.02, 0.6))
        if child.freeze():
            self._count("frozen at any instant")
            self._outlived(child)
        self._end(child)

    def _outlived(self, frozen: Child) -> None:
        """Others take over while it is frozen; then it wakes up amid their work, or after it."""
        time.sleep(LEASE + 0.1)
        heir = self._child()
        heir.rest(self.chance.uniform(0.0, 2.0))
        frozen.revive()
        self._end(heir)

    def _competed_with(self) -> None:
        """Several run at once, and one of them may die."""
        children = [self._child(self.chance.choice((None, None, "kill"))) for _ in range(3)]
        self._count("three at once")
        for child in children:
            self._count_end(self._end(child))

    # -- what is in the way of a step ----------------------------------------------------------------------------

    def _locked_out(self) -> None:
        """A reader keeps the table open while a worker that needs it for itself tries, fails and tries again."""
        self._hampered("locked out", self._open("SELECT FROM things LIMIT 1"))

    def _refused(self) -> None:
        """What a step sends is refused for good, until whoever forbade it thinks better of it."""
        self._hampered("refused", self.scene.forbidding())

    def _hampered(self, kind: str, hindrance: contextlib.AbstractContextManager[object]) -> None:
        before = self._failures()
        with hindrance:
            child = self._child("kill", only=(" failure",))
            child.rest(self.chance.uniform(0.5, 2.0))
        self._end(child)
        if self._failures() > before:
            self._count(kind)
        self._count_end(child)

    def _failures(self) -> int:
        told = self.scene.insist(lambda: self.scene.service.events(CHANGE))
        return [event.kind for event in told].count("step.failed")

    def _build_broken(self) -> None:
        """An index build waits for a long report to end, and is ended itself meanwhile: it leaves an invalid index."""
        with self._open("SELECT FROM watch.fence"):
            child = self._child("kill", only=(" failure", " repair", " alone"))
            if (builder := self._builder(child)) is not None:
                self._break(builder, child)
                self._count("build broken")
        self._count_end(self._end(child))

    @contextlib.contextmanager
    def _open(self, query: str) -> Iterator[None]:
        """A transaction that keeps its snapshot, and the locks of its query, on a target that may crash meanwhile."""
        link = psycopg.connect(self.scene.places.target_url)
        try:
            link.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            link.execute(query.encode())
            yield
        finally:
            link.close()

    def _builder(self, child: Child) -> int | None:
        """The backend that builds an index for the worker; None where the worker ended, or took long, without one."""
        deadline = time.monotonic() + 5
        query = """SELECT a.pid FROM pg_stat_progress_create_index JOIN pg_stat_activity a USING (pid)
            WHERE a.application_name LIKE 'orch:%%' AND a.datname = %s"""
        while time.monotonic() < deadline:
            ended = child.rest(0.02)
            if found := self.scene.places.target.ask(query, self.scene.places.target_database):
                return int(found[0][0])
            if ended:
                break
        return None

    def _break(self, builder: int, child: Child) -> None:
        """End the build: somebody cancels it or ends its session, its worker dies first, or the server crashes."""
        how = self.chance.choice(("pg_cancel_backend", "pg_terminate_backend", "its worker, too", "crash"))
        if how == "crash":
            with self._outage():
                self.scene.places.target.crash()
            return
        if how == "its worker, too":
            child.kill()
        ends = "pg_cancel_backend" if how == "pg_cancel_backend" else "pg_terminate_backend"
        self.scene.places.target.ask(f"SELECT {ends}(%s)", builder)

    # -- connections and servers ---------------------------------------------------------------------------------

    def _disconnected(self) -> None:
        """Sessions are ended while a worker runs: ours on either side, or everybody's."""
        child = self._child()
        for _ in range(self.chance.randint(1, 4)):
            child.rest(self.chance.uniform(0.02, 0.3))
            server = self.chance.choice(self.scene.places.pairs)
            whose = self.chance.choice(("orch:%", "orch-%", "orch%", "%"))
            with self._outage() if whose == "%" else contextlib.nullcontext(), contextlib.suppress(psycopg.Error):
                ended = server.ask(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE %s"
                    " AND backend_type = 'client backend' AND pid <> pg_backend_pid()",
                    whose,
                )
                if ended[0][0]:
                    self._count("sessions ended")
        self._end(child)

    def _crashed(self) -> None:
        child = self._child()
        child.rest(self.chance.uniform(0.02, 0.6))
        server = self.chance.choice(self.scene.places.pairs)
        with self._outage():
            server.crash()
        self._count("server crashed")
        self._end(child)

    def _failed_over(self) -> None:
        """Work goes on after the standby is cut off, and is lost; no application commits then, or its loss would be ours.

        Whoever comes next finds that, and dies over it. Only where the Registry is on another server, one of the two
        remembers what the other lost: mostly the Registry what the Target did.
        """
        server = self.chance.choices(self.scene.places.pairs, (1, 3)[: len(self.scene.places.pairs)])[0]
        doomed: list[Child] = []
        with self._outage(), self.scene.load.still():
            server.fail_over(lambda: self._work_in_vain(doomed))
        self._count("failed over")
        server.rebuild()
        for child in doomed:
            self._end(child)
        self.scene.outwait()
        self._count_end(self._end(self._child("kill", aim="lost")))

    def _work_in_vain(self, doomed: list[Child]) -> None:
        """One worker or two; the last may still be at work when its server dies."""
        for _ in range(self.chance.randint(1, 2)):
            doomed.append(self._child(sweeps=False))
            if not doomed[-1].rest(self.chance.uniform(0.1, 4.0)):
                break

    @contextlib.contextmanager
    def _outage(self) -> Iterator[None]:
        began = time.time()
        yield
        self.outages.append((began, time.time() + 1.0))
