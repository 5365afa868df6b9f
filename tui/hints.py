"""Hears of every event the moment it is appended, and has the screen read again.

Why it exists: what happens elsewhere is on the screen at once, and while nothing runs the registry is asked less often. The
poll stays: whoever does not hear (a pooler, a lost connection) reads as before, and all that is heard is a reason to read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from tui.service import Service

FIRST, LONGEST = 0.2, 30.0
"""Seconds before a lost connection is made anew, at first and at last."""


class Hints:
    """Listens through a Service, in a daemon thread that nobody joins."""

    def __init__(self, service: Service, wake: Callable[[], object]) -> None:
        self._service, self._wake = service, wake
        self._stopped = threading.Event()
        self._pending = threading.Event()
        self._listening = threading.Event()

    @property
    def listening(self) -> bool:
        """Whether events are heard, as far as that can be known."""
        return self._listening.is_set()

    def start(self) -> None:
        """Begin to listen."""
        threading.Thread(target=self._run, name="orch-tui-hints", daemon=True).start()

    def stop(self) -> None:
        """Stop soon; waits for nothing."""
        self._stopped.set()

    def taken(self) -> None:
        """What was heard so far is being read; the next event wakes again."""
        self._pending.clear()

    def _run(self) -> None:
        rest = FIRST
        while not self._stopped.is_set():
            if self._heard_something():
                rest = FIRST
            self._listening.clear()
            self._stopped.wait(rest)
            rest = min(2 * rest, LONGEST)

    def _heard_something(self) -> bool:
        """Listen until that fails; whether it ever worked. Many events wake once."""
        worked = False
        try:
            for _ in self._service.hints(self._stopped):
                worked = True
                self._listening.set()
                if not self._pending.is_set():
                    self._pending.set()
                    self._wake()
        except Exception:  # whatever it was, the poll goes on and says so, too
            return worked
        return worked
