"""How big the next batch may be, and whether to wait: pure, so that recorded traces can be replayed against it.

Why it exists: above some thousand rows a transaction, or with a standby far behind, it is the application that pays. This is the
plain law; zones, duty cycle and lanes build on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

LEAST = 10
"""Rows below which a batch is not shrunk any more."""
GROWTH = 1.5
PANIC = 5.0
"""A batch that takes this many times its target is divided by ten at once."""


@dataclass(frozen=True, slots=True)
class Pressure:
    """A sampled load on the scale where 1.0 means stop. ``scale`` None: it could not be read, which counts as stop."""

    name: str
    scale: float | None
    detail: str


def next_rows(rows: int, seconds: float, target: float, most: int) -> int:
    """Rows of the next batch after one of ``rows`` took ``seconds``; ``target`` is what a batch may take, in seconds."""
    if seconds > PANIC * target:
        wanted = rows // 10
    elif seconds > 0:
        wanted = min(int(rows * target / seconds), int(rows * GROWTH) + 1)
    else:
        wanted = most
    return max(min(LEAST, most), min(wanted, most))


def ruling(pressures: Iterable[Pressure]) -> str | None:
    """Why to wait, naming every reason; None when nothing stands against going on."""
    reasons = [p.detail for p in pressures if p.scale is None or p.scale >= 1.0]
    return "; ".join(reasons) or None
