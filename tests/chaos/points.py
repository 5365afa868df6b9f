"""The named points of the protocol at which a worker can be killed or frozen.

A point is a moment (before, during, after) of something the protocol does. What is told over ``say`` is what really
happened; the harness counts it and so sees which points nobody has died at yet.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

from orchestrator.dialects.postgres import target
from orchestrator.dialects.postgres.target import PostgresSession, PostgresTarget
from state.store import Registry

End = Literal["kill", "freeze"]
SIGNALS: Mapping[End, signal.Signals] = {"kill": signal.SIGKILL, "freeze": signal.SIGSTOP}
WITHIN = 0.02
"""Seconds within which ``during`` strikes after the beginning."""
AT_ONCE = 5
"""Points at which one worker may end."""
LIKELY = 0.5
"""How likely it ends when it comes to one of them; many are passed several times."""

_PLACES: Mapping[str, tuple[Any, str]] = {
    "acquire": (Registry, "acquire"),
    "renew": (Registry, "renew"),
    "release": (Registry, "release"),
    "move": (Registry, "record"),
    "intent": (Registry, "step_started"),
    "outcome": (Registry, "step_done"),
    "failure": (Registry, "step_failed"),
    "undone": (Registry, "step_undone"),
    "lost": (Registry, "step_lost"),
    "progress": (Registry, "progress"),
    "evidence": (Registry, "record_evidence"),
    "fence": (PostgresTarget, "raise_fence"),
    "bump": (target, "_bumped"),
    "end older": (target, "_end_older"),
    "observe": (PostgresSession, "observe"),
    "execute": (PostgresSession, "apply"),
    "alone": (PostgresSession, "_alone"),
    "undo": (PostgresSession, "undo"),
    "repair": (PostgresSession, "repair"),
    "begin filling": (PostgresSession, "begin_backfill"),
    "batch": (PostgresSession, "batch"),
    "mop up": (PostgresSession, "mop_up"),
    "end filling": (PostgresSession, "end_backfill"),
}
POINTS = tuple(f"{moment} {name}" for name in _PLACES for moment in ("before", "during", "after"))


def arm(end: End, visits: Mapping[str, int], seed: str, say: Callable[[str], None]) -> None:
    """From now on this process may end at some of the points: rather at those where few have ended so far."""
    chance = random.Random(seed)
    struck = threading.Event()
    weights = [1 / (1 + visits.get(point, 0)) ** 2 for point in POINTS]
    chosen = set(chance.choices(POINTS, weights, k=AT_ONCE))

    def strike(point: str) -> None:
        if not struck.is_set():
            struck.set()
            say(point)
            os.kill(os.getpid(), SIGNALS[end])

    def due(point: str) -> bool:
        return point in chosen and not struck.is_set() and chance.random() < LIKELY

    for name, (owner, attribute) in _PLACES.items():
        setattr(owner, attribute, _watched(getattr(owner, attribute), name, due, strike, chance))


def _watched(
    original: Callable[..., Any],
    name: str,
    due: Callable[[str], bool],
    strike: Callable[[str], None],
    chance: random.Random,
) -> Callable[..., Any]:
    def soon() -> None:
        time.sleep(chance.uniform(0, WITHIN))
        strike(f"during {name}")

    def watched(*arguments: Any, **named: Any) -> Any:
        if due(f"before {name}"):
            strike(f"before {name}")
        if due(f"during {name}"):
            threading.Thread(target=soon, daemon=True).start()
        found = original(*arguments, **named)
        if due(f"after {name}"):
            strike(f"after {name}")
        return found

    return watched
