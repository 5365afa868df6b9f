"""The named points of the protocol at which a worker can be killed or frozen.

A point is a moment (before, during, after) of something the protocol does. What is told over ``say`` is what really
happened; the harness counts it and so sees which points nobody has died at yet. Nothing is chosen beforehand: whether a worker
ends is asked at each point it comes to, so that a point it never comes to takes no turn away from another.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from orchestrator.dialects.postgres import target
from orchestrator.dialects.postgres.session import PostgresSession
from orchestrator.dialects.postgres.target import PostgresTarget
from state.store import Registry

End = Literal["kill", "freeze"]
SIGNALS: Mapping[End, signal.Signals] = {"kill": signal.SIGKILL, "freeze": signal.SIGSTOP}
WITHIN = (0.0001, 0.02)
"""Seconds from the beginning after which ``during`` strikes, if it is still under way; each size as likely as the other."""
LIKELY = 0.5
"""How likely a worker ends at most: at a point to which hardly any comes, or at which hardly any has ended."""
OFTEN = 12
"""By how much less likely it ends at a point to which each comes once: most points lie beyond others."""

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
MOMENTS = ("before", "during", "after")
POINTS = tuple(f"{moment} {name}" for name in _PLACES for moment in MOMENTS)


def eagerness(
    visits: Mapping[str, int], passes: Mapping[str, int], workers: int, *, deep: bool = False
) -> dict[str, float]:
    """How likely a worker ends each time it comes to each point.

    Rather where few have ended so far (``visits``), and where a worker seldom comes: ``passes`` is how often ``workers`` did.
    A ``deep`` one ends nowhere where more have ended than at the average point: these hide what lies behind them.
    """
    level = sum(visits.values()) / len(POINTS)

    def eager(point: str) -> float:
        if deep and visits.get(point, 0) > level:
            return 0.0
        behind = (1 + level) / (1 + visits.get(point, 0))
        often = (passes.get(point, 0) + 1) / (workers + 1)
        return min(LIKELY, LIKELY / (1 + OFTEN * often) * behind**3)

    return {point: eager(point) for point in POINTS}


def arm(end: End, eager: Mapping[str, float], seed: str, say: Callable[[str], None], passed: Counter[str]) -> None:
    """From now on this process may end at each point it comes to, as likely as ``eager`` says; ``passed`` counts these."""
    striker = _Striker(end, eager, random.Random(seed), say, passed)
    for name, (owner, attribute) in _PLACES.items():
        setattr(owner, attribute, striker.watching(getattr(owner, attribute), name))


class _Striker:
    """Ends this process, once."""

    def __init__(
        self,
        end: End,
        eager: Mapping[str, float],
        chance: random.Random,
        say: Callable[[str], None],
        passed: Counter[str],
    ) -> None:
        self._end, self._eager, self._chance, self._say, self._passed = end, eager, chance, say, passed
        self._striking = threading.Lock()
        self._struck = False

    def watching(self, original: Callable[..., Any], name: str) -> Callable[..., Any]:
        """``original``, before, during and after which it may strike."""

        def watched(*arguments: Any, **named: Any) -> Any:
            self._perhaps(f"before {name}")
            with self._during(f"during {name}"):
                found = original(*arguments, **named)
            self._perhaps(f"after {name}")
            return found

        return watched

    @contextlib.contextmanager
    def _during(self, point: str) -> Iterator[None]:
        over = threading.Event()
        if self._due(point):
            threading.Thread(target=self._soon, args=(point, over), daemon=True).start()
        try:
            yield
        finally:
            with self._striking:  # whoever strikes now strikes in time
                over.set()

    def _soon(self, point: str, over: threading.Event) -> None:
        shortest, longest = WITHIN
        if not over.wait(shortest * (longest / shortest) ** self._chance.random()):
            self._strike(point, over)

    def _perhaps(self, point: str) -> None:
        if self._due(point):
            self._strike(point, threading.Event())

    def _due(self, point: str) -> bool:
        self._passed[point] += 1
        return not self._struck and self._chance.random() < self._eager[point]

    def _strike(self, point: str, over: threading.Event) -> None:
        with self._striking:
            if not self._struck and not over.is_set():
                self._struck = True
                self._say(point)
                os.kill(os.getpid(), SIGNALS[self._end])
