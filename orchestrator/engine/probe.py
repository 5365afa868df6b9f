"""Runs the change's probe and keeps how long it took: the one latency that stands for the application's.

Why it exists: a probe that hangs is the very thing to notice, so it has a thread and a connection of its own, and the answer
that is awaited counts already.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from orchestrator.core.errors import OrchError
from orchestrator.core.ports import Target, TargetError
from orchestrator.core.sight import Latency

EVERY = 0.05
"""Seconds from one probe to the next."""
LOOK_BACK = 5.0
"""Seconds that count: a hundred answers, so that the p99 leaves one out."""
AGAIN = 1.0
"""Seconds until a probe that failed is tried again."""


def p99(seconds: list[float]) -> float:
    """The nearest rank; the greatest of fewer than a hundred."""
    return sorted(seconds)[math.ceil(0.99 * len(seconds)) - 1]


class Probe:
    """The statement, run again and again while inside. ``seen`` may be called from any thread."""

    def __init__(self, target: Target, query: str) -> None:
        self._target, self._query = target, query
        self._answers: deque[tuple[float, float]] = deque(maxlen=int(2 * LOOK_BACK / EVERY))
        self._asked: float | None = None
        self._error: str | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="probe", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(AGAIN)

    def seen(self) -> Latency | None:
        """What it saw lately; None before the first answer."""
        if (error := self._error) is not None:
            return Latency(0.0, 0, error)
        now, asked = time.monotonic(), self._asked
        lately = [took for at, took in tuple(self._answers) if now - at <= LOOK_BACK]
        lately += [now - asked] if asked is not None and (now - asked > EVERY or not lately) else []
        return Latency(p99(lately), len(lately)) if lately else None

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                with self._target.probing(self._query) as ask:
                    while not self._over.is_set():
                        self._once(ask)
            except (TargetError, OrchError) as error:
                state = getattr(error, "sqlstate", "")
                self._error = f"it failed [{state}]" if state else "its connection is lost"
                self._asked = None
                self._over.wait(AGAIN)

    def _once(self, ask: Callable[[], None]) -> None:
        self._asked = began = time.monotonic()
        ask()
        self._answers.append((began, time.monotonic() - began))
        self._asked, self._error = None, None
        self._over.wait(max(0.0, began + EVERY - time.monotonic()))
