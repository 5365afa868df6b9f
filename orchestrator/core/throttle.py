"""How hard a backfill may press: pure, so that recorded traces can be replayed against it.

Why it exists: above some thousand rows a transaction, or with a standby far behind, it is the application that pays. Two laws,
one in the other. ``Servo`` keeps one batch near the time it may take. ``Drive`` decides how much of the time batches run and
in how many lanes, from the highest Pressure: below EASY more, to TIGHT as it is, from there less, at STOP half of it and
nothing until it is over. What steers is smoothed, so that one reading moves little; what stops is not, so that nothing is missed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

LEAST = 10
"""Rows below which a batch is not shrunk any more."""
GROWTH = 1.5
"""By how much a batch, and what all lanes do together, may grow at once: what a hold zone of 0.4 to 0.7 still catches."""
PANIC = 5.0
"""A batch that takes this many times its target is divided by ten at once."""
SAMPLES = 11
"""Batches of one size after which its p90 counts: the tenth of eleven, so that one of them may have met a checkpoint."""
ENOUGH = 20.0
"""Times the target that batches of one size took together count as much: slow ones need not be eleven."""

EASY, TIGHT, STOP = 0.4, 0.7, 1.0
"""Between the zones of the highest pressure."""
WEIGHT = 0.4
"""Of a new reading against all before it."""
UP_REST, DOWN_REST = 4, 2
"""Readings to wait after a step: as long as the smoothed pressure needs to tell what the step did, less when it hurts."""
LESS = 0.7
PROBE = 1.1
"""By how much it grows at once beyond what was too much before: a lag shows only after a while that it was too much again."""
FORGET = 120
"""Readings in a row below EASY after which nothing is remembered to have been too much."""
FLOOR = 0.05
"""What is left of one lane at the least; a backfill that stands still is stopped by a reason, never by steering."""
CLAMP = 1.2
"""A reading counts for no more in steering, or one that is fifty times too high would be remembered for a minute."""


class Effect(StrEnum):
    """What a Pressure does to the backfill."""

    STOP = "stop"
    SLOW = "slow"
    RESHAPE = "reshape"


@dataclass(frozen=True, slots=True)
class Pressure:
    """A sampled load on the scale where 1.0 means stop. ``scale`` None: it could not be read, which counts as stop.

    One that only ``reshapes`` never stops while it can be read: from 1.0 on, the backfill goes on in another way.
    """

    name: str
    scale: float | None
    detail: str
    reshapes: bool = False

    @property
    def effect(self) -> Effect | None:
        """What it does; None when it does nothing."""
        if self.scale is None or math.isnan(self.scale):
            return Effect.STOP
        if self.reshapes:
            return Effect.RESHAPE if self.scale >= STOP else None
        if self.scale >= STOP:
            return Effect.STOP
        return Effect.SLOW if self.scale >= TIGHT else None


@dataclass(frozen=True, slots=True)
class Ruling:
    """What all pressures together mean, with every reason."""

    reasons: tuple[Pressure, ...] = ()
    height: float = 0.0

    @property
    def stops(self) -> bool:
        """Whether nothing may run."""
        return any(each.effect is Effect.STOP for each in self.reasons)

    @property
    def reshaped(self) -> bool:
        """Whether something asks for another way."""
        return any(each.effect is Effect.RESHAPE for each in self.reasons)

    def words(self, *effects: Effect) -> str | None:
        """The reasons with these effects, in one line; None when there are none."""
        return "; ".join(each.detail for each in self.reasons if each.effect in effects) or None

    def to_json(self) -> list[dict[str, Any]]:
        """Every reason for programs."""
        return [
            {
                "signal": each.name,
                "effect": str(each.effect),
                "scale": None if each.scale is None else round(each.scale, 3),
                "detail": each.detail,
            }
            for each in self.reasons
        ]


def ruling(pressures: Iterable[Pressure]) -> Ruling:
    """The ruling over all pressures: every one that has an effect is a reason, stops first."""
    every = tuple(pressures)
    order = list(Effect)
    reasons = sorted((p for p in every if p.effect is not None), key=lambda p: order.index(p.effect or Effect.STOP))
    steering = [
        STOP if p.effect is Effect.STOP and p.scale is None else p.scale or 0.0 for p in every if not p.reshapes
    ]
    return Ruling(tuple(reasons), max(steering, default=0.0))


@dataclass(frozen=True, slots=True)
class Servo:
    """How many rows a batch has: ``rows`` now, at most ``most``; ``taken`` is what batches of this size took, in seconds."""

    rows: int
    most: int
    taken: tuple[float, ...] = ()

    def after(self, rows: int, seconds: float, target: float) -> Servo:
        """After a batch of ``rows`` took ``seconds`` of work, where ``target`` is allowed. Another size tells nothing."""
        if rows != self.rows:
            return self
        if seconds > PANIC * target:
            return self.smaller()
        taken = (*self.taken, max(seconds, 0.0))
        if len(taken) < SAMPLES and sum(taken) < ENOUGH * target:
            return replace(self, taken=taken)
        p90 = sorted(taken)[math.ceil(0.9 * len(taken)) - 1]
        if p90 <= 0:
            return self._of(math.ceil(rows * GROWTH))
        return self._of(min(int(rows * target / p90), math.ceil(rows * GROWTH)))

    def smaller(self) -> Servo:
        """After a batch that took far too long, or was taken back for it."""
        return self._of(self.rows // 10)

    def _of(self, rows: int) -> Servo:
        return Servo(max(min(LEAST, self.most), min(rows, self.most)), self.most)


@dataclass(frozen=True, slots=True)
class Drive:
    """How much runs: ``flow`` is the share of the time in which batches run, summed over all lanes; 1.0 is one lane, always.

    ``rest`` are the readings until the next step, ``ceiling`` is what was too much lately, ``calm`` for how many readings
    nothing was.
    """

    flow: float = 1.0
    smooth: float = 0.0
    rest: int = 0
    stopped: bool = False
    ceiling: float = math.inf
    calm: int = 0

    @property
    def lanes(self) -> int:
        """How many lanes run."""
        return max(1, math.ceil(self.flow - 1e-9))

    @property
    def duty(self) -> float:
        """The share of the time in which each lane runs a batch."""
        return min(1.0, self.flow / self.lanes)

    def after(self, seen: Ruling, most_lanes: int) -> Drive:
        """After one more reading of all signals, with at most so many lanes."""
        smooth = (1 - WEIGHT) * self.smooth + WEIGHT * min(seen.height, CLAMP)
        calm = self.calm + 1 if seen.height < EASY else 0
        here = replace(
            self,
            flow=min(self.flow, float(most_lanes)),
            smooth=smooth,
            rest=max(0, self.rest - 1),
            stopped=seen.stops,
            ceiling=math.inf if calm >= FORGET else self.ceiling,
            calm=calm,
        )
        if seen.stops:
            return here if self.stopped else here._less(here.flow / 2, here.flow)
        if smooth >= TIGHT:
            return here._less(here.flow * LESS, here.flow * LESS) if self.rest <= UP_REST - DOWN_REST else here
        if smooth < EASY and seen.height < EASY and not here.rest and not seen.reshaped:
            return here._more(float(most_lanes))
        return here

    def _less(self, flow: float, ceiling: float) -> Drive:
        return replace(self, flow=max(FLOOR, flow), ceiling=min(self.ceiling, max(FLOOR, ceiling)), rest=UP_REST)

    def _more(self, most: float) -> Drive:
        """Quickly up to what was too much before, and carefully beyond."""
        quickly = min(self.flow * GROWTH, self.ceiling)
        flow = min(max(quickly, self.flow * PROBE), most)
        return replace(self, flow=flow, ceiling=max(self.ceiling, flow), rest=UP_REST)


def pause(seconds: float, duty: float) -> float:
    """How long to rest after ``seconds`` of work, so that work is ``duty`` of the time."""
    return max(0.0, seconds) * (1.0 / duty - 1.0)
