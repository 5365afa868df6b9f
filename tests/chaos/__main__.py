"""``python -m tests.chaos``: disturb releases until N disturbances have happened, and judge each release."""

from __future__ import annotations

import argparse
import faulthandler
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.core.arrival import FORWARD
from state.model import State
from tests.chaos import children, oracle
from tests.chaos.cases import CASES, CHANGE, Case
from tests.chaos.disturbances import Chaos, Tally
from tests.chaos.points import POINTS
from tests.chaos.scene import Places, Scene
from tests.chaos.servers import Pair, pair

CALM = 8
"""Undisturbed advances after which a release that has not arrived is stuck."""
TOPOLOGIES = ("one database", "two databases", "two servers")


@dataclass(frozen=True)
class Leg:
    """A way to go: the state to arrive at, and what is asked for first."""

    goal: State
    ask: str = ""


@dataclass
class Result:
    """What all rounds came to."""

    tally: Tally = field(default_factory=Tally)
    rounds: int = 0
    wrong: list[str] = field(default_factory=list)


def walks(case: Case) -> tuple[tuple[Leg, ...], ...]:
    """The releases a case is taken through."""
    through = Leg(State.COMPLETED)
    found: list[tuple[Leg, ...]] = [(through,)]
    if case.synced:
        found.append((Leg(State.EXPANDED), Leg(State.ABORTED, "abort")))
        found.append((Leg(State.BACKFILLED), Leg(State.ABORTED, "abort")))
    if case.switches:
        found.append((Leg(State.SWITCHED), Leg(State.ABORTED, "abort")))
        found.append((Leg(State.SWITCHED), Leg(State.BACKFILLED, "undo"), through))
    if case.ramp:
        found.append((Leg(State.SWITCHING), Leg(State.BACKFILLED, "undo"), through))
    if case.parks:
        found.append((Leg(State.CONTRACTED), Leg(State.SWITCHED, "undo"), through))
    return tuple(found)


def releases(chance: random.Random) -> Iterator[tuple[Case, tuple[Leg, ...]]]:
    """Every case by every walk, over and over, in an order of its own each time."""
    every = [(case, walk) for case in CASES for walk in walks(case)]
    while True:
        yield from chance.sample(every, len(every))


def run(goal: int, seed: str, home: Path) -> Result:
    """Disturb until ``goal`` disturbances have happened. Prints a line per release."""
    result, chance = Result(), random.Random(seed)
    children.prepare()
    with ExitStack() as stack:
        servers = [stack.enter_context(pair(home / name)) for name in ("first", "second")]
        for case, walk in releases(chance):
            if result.tally.total >= goal:
                return result
            result.rounds += 1
            _round(result, case, walk, _places(servers, result.rounds), chance)
    return result


def _places(servers: list[Pair], number: int) -> Places:
    first, second = servers
    topology = TOPOLOGIES[number % 3]
    one = f"release_{number}"
    other = one if topology == "one database" else f"registry_{number}"
    return Places(second if topology == "two servers" else first, first, other, one)


def _round(result: Result, case: Case, walk: tuple[Leg, ...], places: Places, chance: random.Random) -> None:
    began, before = time.monotonic(), result.tally.total
    name = f"{result.rounds} {case.name}: " + ", ".join(f"{leg.ask} {leg.goal.value}".strip() for leg in walk)
    with Scene(places, case, result.rounds) as scene:
        chaos = Chaos(scene, result.tally, random.Random(chance.random()))
        for leg in walk:
            if not _went(scene, chaos, leg):
                break
        chaos.settle()
        wrong = oracle.faults(scene, chaos, aborted=walk[-1].goal is State.ABORTED)
    result.wrong += [f"{name}: {fault}" for fault in wrong]
    seconds, count = time.monotonic() - began, result.tally.total - before
    print(f"{'WRONG' if wrong else 'right'}  {name}  ({count} disturbances, {seconds:.0f} s)", flush=True)  # noqa: T201
    for fault in wrong[:6]:
        print(f"       {fault}", flush=True)  # noqa: T201


def _went(scene: Scene, chaos: Chaos, leg: Leg) -> bool:
    """Whether the leg was gone to its end."""
    if leg.ask == "abort":
        scene.abort()
    elif leg.ask == "undo":
        scene.undo()
    words: dict[str, None] = {}
    for attempt in range(12 + CALM):
        status = scene.prepare(leg.goal)
        if _arrived(status.state, leg.goal):
            if leg.ask != "undo":
                return True
            if scene.old_stands:
                scene.load.bring_back("change")
                return True
            chaos.settle()
        elif attempt < 12:
            chaos.once()
        else:
            words[chaos.calm().words] = None
    told = [event.kind for event in scene.service.events(CHANGE)][-24:]
    chaos.faults.append(
        f"it is stuck in {status.state.value} on the way to {leg.goal.value}: {list(words)}, after {told}"
    )
    return False


def _arrived(state: State, goal: State) -> bool:
    return state is goal or (goal in FORWARD and state in FORWARD and FORWARD.index(state) > FORWARD.index(goal))


def main() -> int:
    """Exit 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("number", type=int, help="disturbances")
    parser.add_argument("--seed", default=str(time.time_ns()))
    options = parser.parse_args()
    faulthandler.register(signal.SIGUSR1)
    print(f"seed {options.seed}", flush=True)  # noqa: T201
    with tempfile.TemporaryDirectory(prefix="orch-chaos-", dir="/tmp") as home:
        Path(home).chmod(0o711)
        try:
            result = run(options.number, options.seed, Path(home))
        finally:
            children.end_all()
    _say(result)
    return 1 if result.wrong else 0


def _say(result: Result) -> None:
    tally = result.tally
    print(f"\n{tally.total} disturbances in {result.rounds} releases:", flush=True)  # noqa: T201
    for kind, count in tally.kinds.most_common():
        print(f"  {count:5} {kind}")  # noqa: T201
    for end, visits in tally.visits.items():
        missed = [f"{point} ({tally.passes[point]} passes)" for point in POINTS if point not in visits]
        print(f"  {end}: at {len(visits)} of {len(POINTS)} named points; never at: {', '.join(missed) or 'none'}")  # noqa: T201
    print("  workers ended with:")  # noqa: T201
    for words, count in tally.codes.most_common():
        print(f"    {count:5} × {words}")  # noqa: T201
    print(f"{len(result.wrong)} wrong")  # noqa: T201
    for fault in result.wrong:
        print(f"  ! {fault}")  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
