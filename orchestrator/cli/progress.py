"""Live progress of long work on standard error: a line that moves in a terminal, plain lines elsewhere.

Why it exists: at night the question is always "does it still move, how long, and if not, why"; in a pipeline's log the same
answer must not be ten thousand lines.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from orchestrator.cli.statustext import figures
from orchestrator.cli.text import clean, note

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

    from orchestrator.core.progress import Progress

EVERY = 5.0
"""Seconds between plain lines about the same thing."""
_FREQUENT = frozenset({"backfill", "compare", "waiting", "step.retry"})
_BAR = 20
_WORDS = {"step.started": " begins", "step.done": " done", "step.retry": " tries again"}


def sentence(progress: Progress) -> str:
    """Progress in words: what, how far, how fast, how long still, and why it waits."""
    word = _WORDS.get(progress.kind, "")
    step = f"step {progress.ordinal}{word}: " if progress.ordinal is not None else ""
    numbers = figures(progress.rows_done, progress.rows_total, progress.rows_per_second, progress.eta_seconds)
    parts = [step + progress.message, numbers]
    parts.append(f"waits: {progress.throttle}" if progress.throttle else "")
    return clean("; ".join(part for part in parts if part))


def bar(done: int, total: int) -> str:
    """A bar that rounds down, so that a full one means done."""
    filled = min(_BAR, done * _BAR // total)
    return "█" * filled + "░" * (_BAR - filled)


class Plain:
    """A listener for logs: every step's beginning and end, and at most one line in a while in between."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = float("-inf")
        self._reason: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Nothing to put away."""

    def __call__(self, progress: Progress) -> None:
        """Hear one thing."""
        now = self._clock()
        if progress.kind in _FREQUENT:
            if now - self._last < EVERY and progress.throttle == self._reason:
                return
            self._last, self._reason = now, progress.throttle
        note(sentence(progress))


class Moving(Plain):
    """A listener for terminals: what moves stays on one line, what is done scrolls up."""

    _live: Live

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(console=Console(stderr=True), refresh_per_second=8, transient=True)
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._live.stop()

    def __call__(self, progress: Progress) -> None:
        """Hear one thing."""
        from rich.text import Text

        if progress.kind not in _FREQUENT and progress.kind != "step.started":
            self._live.console.print(Text(sentence(progress)))
        self._live.update(_line(progress))


def _line(progress: Progress) -> RenderableType:
    from rich.text import Text

    line = Text(no_wrap=False)
    if progress.rows_total and progress.rows_done is not None:
        line.append(bar(progress.rows_done, progress.rows_total), "cyan")
        line.append(" ")
    line.append(sentence(progress), "yellow" if progress.throttle else "")
    return line


def listener() -> Plain:
    """The listener that fits standard error."""
    return Moving() if sys.stderr.isatty() else Plain()
