"""The execution protocol (design §5) as a pure model: two workers, a Registry, a target, and a world without mercy.

One change of three Steps is brought about: a transactional DDL, a backfill of two batches, a concurrent index build. Every
action below is atomic, everything between two actions may be interleaved with anything: a worker may die at any point (a
message it has sent lives on in the server, as does its index build), may be frozen for as long as it likes (it is simply
not chosen), its lease may expire at any moment, and it does not know. ``steps`` of the Registry and the folded history are
kept apart and must agree; ``state.machine.apply`` folds the events, so an illegal history ends the exploration.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from state.machine import Folded, Refused, apply
from state.model import Event, State, StepStatus

BATCHES = 2
DDL, FILL, INDEX = range(3)
FENCES = 3
"""How often the lease may be taken: the first time and two takeovers."""


@dataclass(frozen=True)
class Rules:
    """Parts of the protocol that can be left out, to see that the exploration notices."""

    fence_check: bool = True
    observe_first: bool = True
    bump_first: bool = True


class Worker(NamedTuple):
    """Where a worker stands. ``seen``: what it observed; ``cursor``: its own idea of the backfill; ``todo``: what it read."""

    at: str = "idle"
    fence: int = 0
    step: int = 0
    cursor: int = 0
    seen: bool = False


class Message(NamedTuple):
    """A transaction sent to the target, not executed yet. Its sender may be dead by now."""

    fence: int
    kind: str
    cursor: int = 0


class World(NamedTuple):
    """Registry, target and workers. ``raised``: the highest fence whose takeover of the target is complete."""

    workers: tuple[Worker, Worker] = (Worker(), Worker())
    # Registry
    fence: int = 0
    holder: int | None = None
    live: bool = False
    state: State = State.PLANNED
    steps: tuple[StepStatus, ...] = (StepStatus.PENDING,) * 3
    folded: tuple[State, tuple[StepStatus, ...]] = (State.PLANNED, (StepStatus.PENDING,) * 3)
    # target
    bumped: int = 0
    raised: int = 0
    column: int = 0
    cursor: int = 0
    filled: tuple[int, ...] = (0,) * BATCHES
    marked: bool = False
    built: int = 0
    building: int = 0
    """The fence under which an index is being built; 0: none."""
    sent: frozenset[Message] = frozenset()
    sessions: frozenset[tuple[int, bool]] = frozenset()
    """Sessions for the build: (fence, whether it has passed its fence check)."""


class Violation(Exception):
    """An invariant is broken."""


Move = tuple[str, World]


def moves(world: World, rules: Rules) -> Iterator[Move]:
    """Everything that may happen next. Raises Violation."""
    for me, worker in enumerate(world.workers):
        name = "AB"[me]
        yield from ((f"{name}: {text}", after) for text, after in _worker(world, me, worker, rules))
        if worker.at != "idle":
            died = _at(world, me, Worker())._replace(sessions=_without(world.sessions, worker.fence))
            yield f"{name}: is killed at {worker.at}", died
    if world.live:
        yield "the lease expires", world._replace(live=False)
    for message in world.sent:
        yield f"the target executes {message.kind} of fence {message.fence}", _executed(world, message, rules)
    if world.building:
        yield (
            f"the build of fence {world.building} ends valid",
            world._replace(building=0, built=world.built + 1),
        )


def _worker(world: World, me: int, worker: Worker, rules: Rules) -> Iterator[Move]:
    yield from _ACTIONS[worker.at](world, me, worker, rules)


def _at(world: World, me: int, worker: Worker) -> World:
    pair = list(world.workers)
    pair[me] = worker
    return world._replace(workers=(pair[0], pair[1]))


def _go(world: World, me: int, **changes: Any) -> World:
    return _at(world, me, world.workers[me]._replace(**changes))


def _stop(world: World, me: int) -> World:
    return _at(world, me, Worker())


def _without(sessions: frozenset[tuple[int, bool]], fence: int) -> frozenset[tuple[int, bool]]:
    return frozenset(session for session in sessions if session[0] != fence)


# -- the Registry: every action is one transaction -------------------------------------------------------------------


def _ours(world: World, worker: Worker) -> bool:
    return world.live and world.fence == worker.fence


def _event(world: World, event: Event, step: int | None = None) -> World:
    """Append an event: the history folds through the machine, or the model is wrong."""
    state, steps = world.folded
    before = Folded(state, 0, "plan", steps=dict(enumerate(steps)))
    try:
        after = apply(before, event, {"ordinal": step} if step is not None else {})
    except Refused as refused:
        raise Violation(f"the history is illegal: {refused}") from refused
    return world._replace(folded=(after.state, tuple(after.steps[n] for n in range(3))))


def _acquire(world: World, me: int, worker: Worker, rules: Rules) -> Iterator[Move]:
    if (world.holder is None or not world.live) and world.fence < FENCES and world.state is not State.EXPANDED:
        taken = _event(world._replace(fence=world.fence + 1, holder=me, live=True), Event.LEASE_ACQUIRED)
        first = "bump" if rules.bump_first else "look"
        yield f"takes the lease, fence {taken.fence}", _at(taken, me, Worker(first, taken.fence))


def _begin(world: World, me: int, worker: Worker, rules: Rules) -> Iterator[Move]:
    if not _ours(world, worker):
        yield "has lost the lease and stops", _stop(world, me)
    elif world.state is State.EXPANDED:
        yield "finds all done", _go(world, me, at="release")
    else:
        begun = world
        if world.state is State.PLANNED:
            begun = _event(world._replace(state=State.EXPANDING), Event.EXPAND_STARTED)
        yield "begins or goes on", _go(begun, me, at="observe", step=_next(begun, 0))


def _next(world: World, step: int) -> int:
    while step < 3 and world.steps[step] is StepStatus.DONE:
        step += 1
    return step


def _intent(world: World, me: int, worker: Worker, rules: Rules) -> Iterator[Move]:
    if not _ours(world, worker) or world.steps[worker.step] is StepStatus.DONE:
        yield "may not start the step and stops", _stop(world, me)
        return
    noted = _moved(world, worker.step, StepStatus.RUNNING, Event.STEP_STARTED)
    done = worker.seen and rules.observe_first
    yield f"records intent of step {worker.step}", _go(noted, me, at="outcome" if done else _EXECUTE[worker.step])


def _moved(world: World, step: int, status: StepStatus, event: Event) -> World:
    steps = tuple(status if n == step else old for n, old in enumerate(world.steps))
    return _event(world._replace(steps=steps), event, step)


def _outcome(world: World, me: int, worker: Worker, rules: Rules) -> Iterator[Move]:
    if not _ours(world, worker) or world.steps[worker.step] is not StepStatus.RUNNING:
        yield "may not record the outcome and stops", _stop(world, me)
        return
    noted = _moved(world, worker.step, StepStatus.DONE, Event.STEP_DONE)
    yield f"records step {worker.step} done", _go(noted, me, at="observe", step=_next(noted, worker.step), cursor=0)


def _finish(world: World, me: int, worker: Worker, rules: Rules) -> Iterator[Move]:
    if not _ours(world, worker):
        yield "has lost the lease and stops", _stop(world, me)
    else:
        noted = _event(world._replace(state=State.EXPANDED), Event.EXPAND_FINISHED)
        yield "records the phase finished", _go(noted, me, at="release")


def _release(world: World, me: int, worker: Worker, rules: Rules) -> Iterator[Move]:
    freed = world
    if world.fence == worker.fence and world.holder is not None:
        freed = _event(world._replace(holder=None, live=False), Event.LEASE_RELEASED)
    yield "gives the lease back", _stop(freed, me)


# -- the target -----------------------------------------------------------------------------------------------------


def _bump(world: World, me: int, worker: Worker, rules: Rules) -> Iterator[Move]:
    if world.bumped > worker.fence:
        yield "finds a newer fence and stops", _stop(world, me)
    else:
        after = world._replace(bumped=worker.fence)
        yield "bumps the fence", _go(after, me, at="look") if rules.bump_first else _raised(after, me, worker)


def _look(world: World, me: int, worker: Worker, rules: Rules) -> Iterator[Move]:
    """Ends sessions with a lower fence, and the transactions they wait for; a build is adopted."""
    gone = {session for session in world.sessions if session[0] < worker.fence}
    dropped = {message for message in world.sent if message.fence < worker.fence}
    after = world._replace(sessions=world.sessions - gone, sent=world.sent - dropped)
    for other, rival in enumerate(after.workers):
        if rival.at == "sent" and rival.fence < worker.fence:
            after = _stop(after, other)
    yield "looks for older sessions and ends them", _go(after, me, at="adopt")


def _adopt(world: World, me: int, worker: Worker, rules: Rules) -> Iterator[Move]:
    if not 0 < world.building < worker.fence:
        after = _raised(world, me, worker) if rules.bump_first else _go(world, me, at="bump")
        yield "waits for older builds", after


def _raised(world: World, me: int, worker: Worker) -> World:
    return _go(world._replace(raised=max(world.raised, worker.fence)), me, at="begin")


def _present(world: World, step: int) -> bool:
    return (world.column > 0, world.marked, world.built > 0)[step]


def _observe(world: World, me: int, worker: Worker, rules: Rules) -> Iterator[Move]:
    if worker.step == 3:
        yield "has no step left", _go(world, me, at="finish")
    else:
        seen = _present(world, worker.step)
        yield f"observes step {worker.step}: {'done' if seen else 'absent'}", _go(world, me, at="intent", seen=seen)


def _check(world: World, me: int, worker: Worker, rules: Rules) -> Iterator[Move]:
    if _present(world, worker.step):
        yield f"observes step {worker.step}: done", _go(world, me, at="outcome")
    else:
        yield f"observes step {worker.step}: still absent", _go(world, me, at=_EXECUTE[worker.step])


def _send(world: World, me: int, worker: Worker, rules: Rules) -> Iterator[Move]:
    if worker.step == DDL:
        message = Message(worker.fence, "the DDL")
    elif worker.cursor < BATCHES:
        message = Message(worker.fence, f"batch {worker.cursor}", worker.cursor)
    else:
        message = Message(worker.fence, "the end of the backfill")
    yield f"sends {message.kind}", _go(world._replace(sent=world.sent | {message}), me, at="sent")


def _resume(world: World, me: int, worker: Worker, rules: Rules) -> Iterator[Move]:
    yield f"reads the cursor: {world.cursor}", _go(world, me, at="send", cursor=world.cursor)


def _executed(world: World, message: Message, rules: Rules) -> World:
    """One transaction on the server: fence check, effect, marker. Its client learns of it if it still waits."""
    after = world._replace(sent=world.sent - {message})
    waits = next((n for n, w in enumerate(world.workers) if w.at == "sent" and w.fence == message.fence), None)
    if rules.fence_check and world.bumped != message.fence:
        return after if waits is None else _stop(after, waits)
    if message.fence < world.bumped:
        raise Violation(f"{message.kind} of fence {message.fence} was written after fence {world.bumped} was raised")
    if message.kind == "the DDL":
        after = after._replace(column=world.column + 1)
    elif message.kind.startswith("batch"):
        filled = tuple(n + (place == message.cursor) for place, n in enumerate(world.filled))
        after = after._replace(filled=filled, cursor=message.cursor + 1)
    else:
        after = after._replace(marked=True)
    if waits is None:
        return after
    worker = world.workers[waits]
    if message.kind.startswith("batch"):
        return _go(after, waits, at="send", cursor=worker.cursor + 1)
    return _go(after, waits, at="check")


def _open(world: World, me: int, worker: Worker, rules: Rules) -> Iterator[Move]:
    yield (
        "opens a session for the build",
        _go(world._replace(sessions=world.sessions | {(worker.fence, False)}), me, at="test"),
    )


def _test(world: World, me: int, worker: Worker, rules: Rules) -> Iterator[Move]:
    there = (worker.fence, False) in world.sessions
    if not there or (rules.fence_check and world.bumped != worker.fence):
        yield "is fenced out and stops", _stop(world._replace(sessions=_without(world.sessions, worker.fence)), me)
    else:
        passed = _without(world.sessions, worker.fence) | {(worker.fence, True)}
        yield "passes the fence check", _go(world._replace(sessions=passed), me, at="build")


def _build(world: World, me: int, worker: Worker, rules: Rules) -> Iterator[Move]:
    if (worker.fence, True) not in world.sessions:
        yield "finds its session ended and stops", _stop(world, me)
        return
    if worker.fence < world.raised:
        raise Violation(f"an index is built under fence {worker.fence} after fence {world.raised} had taken over")
    if world.building or world.built:
        raise Violation("an index is built although it is there or on its way")
    after = world._replace(sessions=_without(world.sessions, worker.fence), building=worker.fence)
    yield "sends the build", _go(after, me, at="wait")


def _wait(world: World, me: int, worker: Worker, rules: Rules) -> Iterator[Move]:
    if world.building != worker.fence:
        yield "hears that the build is over", _go(world, me, at="check")


def _nothing(world: World, me: int, worker: Worker, rules: Rules) -> Iterator[Move]:
    return iter(())


_EXECUTE = {DDL: "send", FILL: "resume", INDEX: "open"}
_ACTIONS: dict[str, Callable[[World, int, Worker, Rules], Iterator[Move]]] = {
    "idle": _acquire,
    "bump": _bump,
    "look": _look,
    "adopt": _adopt,
    "begin": _begin,
    "observe": _observe,
    "intent": _intent,
    "send": _send,
    "resume": _resume,
    "sent": _nothing,
    "open": _open,
    "test": _test,
    "build": _build,
    "wait": _wait,
    "check": _check,
    "outcome": _outcome,
    "finish": _finish,
    "release": _release,
}


# -- the exploration --------------------------------------------------------------------------------------------------


def hold(world: World) -> None:
    """The invariants of every state. Raises Violation."""
    if world.column > 1:
        raise Violation("the DDL was applied twice")
    if any(count > 1 for count in world.filled):
        raise Violation("a batch was applied twice")
    if world.built > 1:
        raise Violation("the index was built twice")
    if world.marked and world.filled != (1,) * BATCHES:
        raise Violation("the backfill is marked done, and a batch is missing")
    for step, status in enumerate(world.steps):
        if status is StepStatus.DONE and not _present(world, step):
            raise Violation(f"step {step} is recorded done and is not")
    if world.folded != (world.state, world.steps):
        raise Violation("the rows are not what the history says")
    if world.state is State.EXPANDED and not all(_present(world, step) for step in range(3)):
        raise Violation("the phase is finished and the schema is wrong")


@dataclass
class Explored:
    """What the exploration saw. ``trace`` leads to the violation, if there is one."""

    states: int
    finished: int
    violation: str | None
    trace: list[str]


def explore(rules: Rules) -> Explored:
    """Breadth first through every interleaving; stops at the first, hence shortest, counter-example."""
    start = World()
    came: dict[World, tuple[World, str] | None] = {start: None}
    queue = deque([start])
    finished = 0
    while queue:
        world = queue.popleft()
        finished += world.state is State.EXPANDED
        try:
            hold(world)
            for text, after in moves(world, rules):
                if after not in came:
                    came[after] = (world, text)
                    queue.append(after)
        except Violation as violation:
            return Explored(len(came), finished, str(violation), _trace(came, world))
    return Explored(len(came), finished, None, [])


def _trace(came: dict[World, tuple[World, str] | None], world: World) -> list[str]:
    texts: list[str] = []
    step = came[world]
    while step is not None:
        world, text = step
        texts.append(text)
        step = came[world]
    return texts[::-1]
