"""One operation on its way: abort from every rest, then to the end with an undo in between, while applications write.

Why it exists: what every operation promises is the same, so it is asked of all of them by one piece of code. At each rest
the rows are compared with the oracle, at each end the catalog too, and no statement may have failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

from state.model import State
from tests.conformance.applications import VERSIONS, Shared, Traffic, rows_of
from tests.conformance.mirror import Mirror
from tests.conformance.scene import Side, change_file
from tests.conformance.schema import differences, shape
from tests.service.world import World

RESTS = (State.EXPANDED, State.BACKFILLED, State.SWITCHED)
_ORDER = (State.PLANNED, *RESTS, State.CONTRACTED, State.COMPLETED)
_GATES = {
    "expand": {"approvals": 0},
    "backfill": {"approvals": 0},
    "switch_reads": {"approvals": 0},
    "contract": {"soak": "0s"},
    "purge": {"approvals": 0, "soak": "0s"},
}
_CONTRACTED = (State.CONTRACTED, State.COMPLETED)
_FILLED = (State.BACKFILLED, State.SWITCHED, *_CONTRACTED)
_COLUMNS = """
SELECT attname FROM pg_attribute
 WHERE attrelid = to_regclass(quote_ident(%s)) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
Stayed = dict[str, dict[int, str | None]]
"""Column → key → value that an abort left in place, as its plan says."""
_UNPROVED = {"statements": "none", "reason": "the servers of tests keep no statistics of statements"}
FRAME: dict[str, Any] = {"backfill": {"batch_rows": 17}, "gates": _GATES, "readers": _UNPROVED}


class Walk:
    """A world prepared with an example, its applications and its oracle."""

    def __init__(self, world: World, shared: Shared, stack: ExitStack) -> None:
        self._world, self._shared, self._scene = world, shared, shared.scene
        self._links = {which: shared.connect(which) for which in ("app", "old", "new")}
        for link in self._links.values():
            stack.callback(link.close)
        self._mirror = Mirror(self._scene, {"old": self._links["old"], "new": self._links["new"]})
        shared.seeded = sorted(self._mirror.read(next(iter(self._scene.tables)), []))[:40]
        self._permit(State.PLANNED)
        self._traffic = Traffic(shared)
        stack.callback(self._traffic.close)

    def through(self, *aborts: State) -> None:
        """Abort from each of these rests, then all the way: contract, undo, contract again, purge."""
        self._rest(State.PLANNED)
        self._looks_like("old", "before anything")
        if all(self._there_and_back(rest) for rest in aborts):
            self._to_the_end()
        assert self._world.service.audit_verify() == []

    def at_once(self) -> list[str]:
        """All the way with ``park: 0``, compared with plain DDL; returns the kinds of the events on it."""
        gates = {name: gate for name, gate in _GATES.items() if name != "purge"}
        change = self._submit("at-once", {"gates": gates, "park": 0})
        self._go(change, State.SWITCHED)
        self._permit(State.COMPLETED)
        self._go(change, State.COMPLETED)
        self._looks_like("new", "completed at once")
        return self._world.kinds(change)

    def _submit(self, change: str, more: Mapping[str, Any] | None = None) -> str:
        file = change_file(self._scene, change, {**FRAME, **(more or {})})
        self._world.service.submit(file, f"{change}.yaml")
        return change

    def _there_and_back(self, rest: State) -> bool:
        """Go to a rest and abort there; False when the change cannot stop there and has come to its end."""
        change = self._submit(f"abort-{rest.value}")
        self._go(change, rest)
        if self._state(change) is State.COMPLETED:
            self._looks_like("new", "completed")
            return False
        self._permit(State.PLANNED)
        with self._traffic.flowing():
            assert self._world.abort(change).state is State.ABORTED
        self._traffic.redeploy()
        stayed = self._rest(State.ABORTED)
        self._looks_like("old", f"after an abort from {rest.value}")
        self._mirror.restart(stayed)
        return True

    def _to_the_end(self) -> None:
        change = self._submit("to-the-end")
        self._go(change, State.SWITCHED)
        self._contract(change)
        if self._state(change) is State.CONTRACTED:
            with self._traffic.flowing():
                self._world.service.undo(change, reason="a walk")
                assert self._world.service.advance(change).state is State.SWITCHED
            self._rest(State.SWITCHED)
            self._contract(change)
        self._go(change, State.COMPLETED)
        self._looks_like("new", "completed")

    def _contract(self, change: str) -> None:
        """No version uses the old shape from here on; then one step past the gate."""
        self._permit(State.CONTRACTED)
        with self._traffic.flowing():
            self._world.step(change)
        self._rest(self._state(change))

    def _go(self, change: str, goal: State) -> None:
        """Step to ``goal``, or past it where the phases between are empty, with applications at work all the time."""
        while _ORDER.index(self._state(change)) < _ORDER.index(goal):
            with self._traffic.flowing():
                self._world.step(change)
            self._rest(self._state(change))

    def _state(self, change: str) -> State:
        return self._world.service.status(change).state

    def _permit(self, state: State) -> None:
        """What each version may write: the new shape once it stands, the old one until the change is to contract."""
        self._shared.permitted = dict.fromkeys(VERSIONS, ("new",) if state in _CONTRACTED else ("old",))
        if state in RESTS and not self._one_way:
            dual: tuple[Side, ...] = ("new",) if self._scene.example.views else ("old", "new")
            self._shared.permitted = {"old": ("old",), "new": ("new",), "dual": dual}
        if state is State.CONTRACTED and self._one_way:
            self._shared.permitted = dict.fromkeys(VERSIONS, ())
        self._shared.synced, self._shared.lossy = state in RESTS, state is State.SWITCHED
        self._shared.unfilled = state is State.EXPANDED

    @property
    def _one_way(self) -> bool:
        return any(fact.one_way for fact in self._scene.example.facts)

    def _rest(self, state: State) -> Stayed:
        """Let every version write in every way, and compare."""
        self._compare(state)
        self._permit(state)
        self._traffic.round()
        return self._compare(state)

    def _compare(self, state: State) -> Stayed:
        _nothing(self._shared.failures, state)
        faults: list[str] = []
        stayed: Stayed = {}
        for table in dict.fromkeys(self._scene.tables.values()):
            faults += self._compare_table(state, table, stayed)
        _nothing(faults, state)
        return stayed

    def _compare_table(self, state: State, table: str, stayed: Stayed) -> Iterator[str]:
        there = self._columns("app", table)
        if not there:
            return
        wanted = {side: self._twin(side) for side, name in self._scene.tables.items() if name == table}
        names = [name for name in there if any(name in columns for columns, _ in wanted.values())]
        found = rows_of(self._links["app"], table, self._scene.example.key, names)
        ids = [row[0] for row in found]
        for side, (_, rows) in wanted.items():
            if sorted(ids) != sorted(rows):
                yield f"{table}: rows {sorted(set(ids) ^ rows.keys())} are only here or only in the twin {side}"
                return
        for row in found:
            for name, value in zip(names, row[1:], strict=True):
                meant = {side: rows[row[0]][name] for side, (columns, rows) in wanted.items() if name in columns}
                if not self._fits(state, name, value, meant):
                    yield f"{table} {row[0]}: {name} is {value!r}, should be {meant}"
                elif state is State.ABORTED and name in self._shared_names and value != meant["old"]:
                    stayed.setdefault(name, {})[row[0]] = value

    def _fits(self, state: State, name: str, value: str | None, meant: Mapping[Side, str | None]) -> bool:
        """Whether a column may hold that at that rest: the new shape is complete once it is backfilled."""
        if name in self._scene.example.by_chance:
            return True
        if name in self._shared_names:
            free = state in (State.EXPANDED, State.ABORTED) or len(meant) == 1  # a renamed table has one shape per name
            return value in meant.values() if free else value == meant["new" if state in _FILLED else "old"]
        if "old" in meant and "new" in meant:
            return value == meant["old"] == meant["new"]
        if "new" in meant:
            return value == meant["new"] or (state is State.EXPANDED and value is None)
        return value == meant["old"]

    @property
    def _shared_names(self) -> set[str]:
        """Columns that hold a fact in either shape under one name."""
        return {name for fact in self._scene.example.facts for name in fact.old.keys() & fact.new.keys()}

    def _twin(self, side: Side) -> tuple[list[str], dict[int, dict[str, str | None]]]:
        names = self._columns(side, self._scene.tables[side])
        return names, {key: dict(zip(names, row, strict=True)) for key, row in self._mirror.read(side, names).items()}

    def _columns(self, which: str, table: str) -> list[str]:
        return [row[0] for row in self._links[which].execute(_COLUMNS, [table])]

    def _looks_like(self, side: Side, when: str) -> None:
        _nothing(differences(shape(self._links["app"]), shape(self._links[side])), when)


def _nothing(faults: list[str], when: str) -> None:
    assert not faults, "\n".join([f"{when}: {len(faults)} faults", *faults[:10]])
