"""Numbers as operators read them: rates, counts, percentages, bars, ages and arrival times.

Why it exists: a bar that rounds up shows "done" for hours, and an estimate that was made up is worse than none. Bars
and percentages floor here, and nothing is extrapolated: the engine's own estimate is shown or nothing is.
"""

from __future__ import annotations

import math

_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def count_text(value: float) -> str:
    """``947``, ``18.4k``, ``31.6M``; floors, so that no count is overstated."""
    for size, unit in _UNITS:
        if value >= size:
            return f"{min(math.floor(value / size * 10) / 10, 9999.9):.1f}{unit}"
    return str(max(int(value), 0))


def rate_text(rows_per_second: float | None) -> str:
    """``18.4k/s``, or ``-`` when nobody measured it."""
    if rows_per_second is None or not math.isfinite(rows_per_second) or rows_per_second < 0:
        return "-"
    return f"{count_text(rows_per_second)}/s"


def eta_text(seconds: float | None) -> str:
    """At most six cells: ``45s``, ``14m``, ``2h50m``, ``3d4h``, ``>99d``; ``-`` when nobody estimated it."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return "-"
    if seconds < 60:
        return f"{math.ceil(seconds)}s" if seconds <= 59 else "1m"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h{minutes:02}m"
    days, hours = divmod(hours, 24)
    return ">99d" if days > 99 else f"{days}d{hours}h"


def age_text(seconds: float) -> str:
    """How long ago: ``0.3s``, ``17s``, ``4m``, ``2h05m``, ``3d4h``."""
    if not math.isfinite(seconds):
        return "never"
    if seconds < 10:
        return f"{math.floor(max(seconds, 0) * 10) / 10:.1f}s"
    return f"{int(seconds)}s" if seconds < 60 else eta_text(seconds)


def fraction(done: int, total: int | None, *, over: bool = False) -> float | None:
    """Between 0 and 1. Stays below 1 until the work is ``over``, since ``total`` is an estimate."""
    if total is None:
        return None
    share = 1.0 if total <= 0 else min(max(done / total, 0.0), 1.0)
    return share if over else min(share, 0.999)


def percent_text(share: float) -> str:
    """Six cells at most, floored to a tenth: `` 97.6%``."""
    return f"{math.floor(share * 1000 + 1e-9) / 10:.1f}%"


def bar(share: float, width: int) -> str:
    """``█████░░░``: floors, so that a full bar means done."""
    full = min(max(math.floor(share * width + 1e-9), 0), max(width, 0))
    return "█" * full + "░" * (max(width, 0) - full)


def server_text(version: int) -> str:
    """``18.4`` for 180004."""
    return f"{version // 10000}.{version % 10000}" if version > 0 else "?"
