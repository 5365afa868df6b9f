"""What long work tells whoever listens.

Why it exists: the engine must not know whether a terminal, a log or a test listens, and every listener must hear the
same: what is done, how fast, until when, and why it waits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """One thing that just happened. ``kind``: phase, step.started, step.done, step.retry, backfill, compare, check,
    waiting.

    Rates are rows per second, ``eta_seconds`` the engine's own estimate; ``throttle`` is why it waits.
    """

    change: str
    ordinal: int | None
    kind: str
    message: str
    rows_done: int | None = None
    rows_total: int | None = None
    rows_per_second: float | None = None
    eta_seconds: float | None = None
    throttle: str | None = None


Listener = Callable[[Progress], None]


def nobody(progress: Progress) -> None:
    """The listener that does not listen."""


def onward() -> None:
    """Asked between two ranges of long work whether to go on: nobody objects."""
