"""How fast a backfill is and until when it lasts, as a range: pure.

Why it exists: one number from one rate is wrong as soon as the rate changes, and a number beside "stopped" is a lie. The range
spans what the last minute was like, and where nothing can be said, it says why.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

WINDOW = 10.0
"""Seconds over which the rate is averaged."""
PIECE = 5.0
"""Seconds whose average counts as one rate in the range."""
LOOK_BACK = 60.0
"""Seconds of rates that make the range."""


@dataclass(frozen=True, slots=True)
class Eta:
    """Seconds left: at the recent rate, at the best and at the worst of the last minute. ``note`` says why there is none."""

    likely: float | None = None
    low: float | None = None
    high: float | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """What was done when: (monotonic seconds, rows), and the rates of the last minute by PIECE."""

    seen: tuple[tuple[float, int], ...] = ()
    rates: tuple[tuple[float, float], ...] = ()
    _since: tuple[float, int] | None = None

    def at(self, now: float, rows: int) -> Pace:
        """With ``rows`` done by ``now``. What is told more than ten times a second is thinned out."""
        seen = self.seen
        if len(seen) > 1 and now - seen[-2][0] < WINDOW / 100:
            seen = seen[:-1]
        seen = (*seen, (now, rows))
        while len(seen) > 2 and now - seen[0][0] > WINDOW:
            seen = seen[1:]
        since = self._since or (now, rows)
        if now - since[0] < PIECE:
            return replace(self, seen=seen, _since=since)
        rate = (rows - since[1]) / (now - since[0])
        rates = tuple(each for each in (*self.rates, (now, rate)) if now - each[0] <= LOOK_BACK)
        return Pace(seen, rates, (now, rows))

    @property
    def rate(self) -> float | None:
        """Rows per second over the last WINDOW seconds; None before there are two readings."""
        if len(self.seen) < 2 or self.seen[-1][0] <= self.seen[0][0]:
            return None
        (first, before), (last, after) = self.seen[0], self.seen[-1]
        return (after - before) / (last - first)

    def eta(self, left: int | None, stopped: str | None) -> Eta:
        """Until when, with ``left`` rows to go; ``stopped`` is why nothing runs."""
        if stopped is not None:
            return Eta(note=f"stopped: {stopped}")
        if left is None:
            return Eta(note="how many rows there are is not known")
        if not self.rate:
            return Eta(note="no rate yet")
        rates = [rate for _, rate in self.rates if rate > 0] + [self.rate]
        rest = float(max(0, left))
        return Eta(rest / self.rate, rest / max(rates), rest / min(rates))
