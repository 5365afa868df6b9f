"""Durations as people write them (``100ms``, ``5s``, ``24h``, ``7d``) and windows of the week.

Why it exists: soak, park and windows decide when production is touched, so their reading is pure and tested alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d|w)\s*")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW = re.compile(r"(?:([a-z]{3})(?:-([a-z]{3}))?\s+)?(\d{2}):(\d{2})-(\d{2}):(\d{2})(?:\s+(\S+))?", re.IGNORECASE)


def seconds(text: str | int | float) -> float:
    """Seconds of a duration such as ``1h30m`` or ``0``. Raises ValueError, naming the units."""
    if isinstance(text, (int, float)) or text.strip() == "0":
        if float(text) == 0:
            return 0.0
        raise ValueError(f"{text!r} has no unit; write for example 30s, 5min, 24h or 7d")
    total, position = 0.0, 0
    while position < len(text):
        match = _DURATION.match(text, position)
        if match is None:
            raise ValueError(f"{text!r} is not a duration; write for example 100ms, 30s, 5min, 24h or 7d")
        total += float(match[1]) * _UNITS[match[2]]
        position = match.end()
    if position == 0:
        raise ValueError("an empty text is not a duration; write for example 30s, 24h or 7d")
    return total


def words(value: float) -> str:
    """Seconds as two units at most: ``2h 5m``, ``48s``, ``3d 4h``."""
    if value < 1:
        return f"{value * 1000:.0f}ms" if value > 0 else "0s"
    parts = []
    rest = int(value)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])


def exactly(value: float) -> str:
    """Seconds so that ``seconds`` reads them back, to the millisecond: ``250ms``, ``1.5s``, ``90s``."""
    return f"{value * 1000:.0f}ms" if value < 1 else f"{value:.3f}".rstrip("0").rstrip(".") + "s"


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of the week in a time zone.

    A gate's limits starting a phase, not finishing it; that of a backfill limits every batch.
    """

    first_day: int
    last_day: int
    opens: time
    closes: time
    zone: str

    def is_open(self, now: datetime) -> bool:
        """Whether ``now`` (aware) lies in the window; a window past midnight belongs to the day it opens on."""
        local = now.astimezone(ZoneInfo(self.zone))
        clock = local.time()
        if self.opens < self.closes:
            return self._has_day(local.weekday()) and self.opens <= clock < self.closes
        if clock >= self.opens:
            return self._has_day(local.weekday())
        return clock < self.closes and self._has_day((local - timedelta(days=1)).weekday())

    def opens_at(self, now: datetime) -> datetime:
        """When it opens next, in its own time zone; ``now`` itself where it is open."""
        if self.is_open(now):
            return now
        today = now.astimezone(ZoneInfo(self.zone)).date()
        days = (today + timedelta(days=ahead) for ahead in range(15))  # in one week a clock may jump over all of it
        starts = (self._opening(day, now) for day in days if self._has_day(day.weekday()))
        return next(start for start in starts if start is not None)

    def _opening(self, day: date, now: datetime) -> datetime | None:
        """The first moment after ``now`` at which it opens that day: clocks jump over it, or show it twice."""
        zone = ZoneInfo(self.zone)
        shown = datetime.combine(day, self.opens, zone)
        early, late = sorted(shown.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
        minutes = range((late - early) // timedelta(minutes=1) + 1)
        moments = (early + timedelta(minutes=minute) for minute in minutes)
        return next((moment.astimezone(zone) for moment in moments if moment > now and self.is_open(moment)), None)

    def _has_day(self, day: int) -> bool:
        if self.first_day <= self.last_day:
            return self.first_day <= day <= self.last_day
        return day >= self.first_day or day <= self.last_day


def window(text: str) -> Window:
    """Parse ``mon-thu 09:00-16:00 Europe/Berlin``; without days it is all, without a zone UTC. Raises ValueError."""
    match = _WINDOW.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a window; write for example 'mon-thu 09:00-16:00 Europe/Berlin'")
    first, last = (match[1], match[2] or match[1]) if match[1] else ("mon", "sun")
    days = [first.lower(), last.lower()]
    for day in days:
        if day not in _DAYS:
            raise ValueError(f"{day!r} is not a day; use {', '.join(_DAYS)}")
    zone = match[7] or "UTC"
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError) as error:
        raise ValueError(f"{zone!r} is not a known time zone") from error
    return Window(
        _DAYS.index(days[0]),
        _DAYS.index(days[1]),
        time(int(match[3]), int(match[4])),
        time(int(match[5]), int(match[6])),
        zone,
    )
