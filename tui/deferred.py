"""A service that is made by the first call of it, or ahead of it, in a thread.

Why it exists: loading the database libraries takes longer than painting the first frame, and half of the time until there is
something to show is spent waiting for the server. Both go on while the screens are loaded.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.config import Config

FRESH = 2.0
"""Seconds after which what was read ahead is no longer what the screen would call just read."""


class Deferred:
    """Stands for what ``make`` makes; whoever asks first makes it. ``close`` of what was never made does nothing."""

    def __init__(self, make: Callable[[], Any], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._make, self._monotonic = make, monotonic
        self._made: Any = None
        self._lock = threading.Lock()
        self._ahead: _Ahead | None = None

    def begin(self) -> None:
        """Make it and read the fleet now; whoever asks first for all of it waits for that, or is told why it failed."""
        self._ahead = _Ahead(lambda: self._service().fleet(None), self._monotonic)

    def fleet(self, before: Any = None) -> Any:
        """What was read ahead, once, if it is still fresh; else the service is asked."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and before is None and ahead.fresh():
            return ahead.result()
        return self._service().fleet(before)

    def close(self) -> None:
        """Close it, if there is anything to close."""
        if self._made is not None:
            self._made.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._service(), name)

    def _service(self) -> Any:
        with self._lock:
            if self._made is None:
                self._made = self._make()
        return self._made


def of(config: Config) -> Deferred:
    """The service of this configuration."""

    def make() -> Any:
        from orchestrator.service import Service

        return Service(config, client="tui")

    return Deferred(make)


class _Ahead:
    """One call under way in a daemon thread that nobody joins."""

    def __init__(self, call: Callable[[], Any], monotonic: Callable[[], float]) -> None:
        self._call, self._monotonic, self._began = call, monotonic, monotonic()
        self._done = threading.Event()
        self._found: Any = None
        self._error: Exception | None = None
        threading.Thread(target=self._run, name="orch-tui-ahead", daemon=True).start()

    def _run(self) -> None:
        try:
            self._found = self._call()
        except Exception as error:  # told to whoever asks
            self._error = error
        finally:
            self._done.set()

    def fresh(self) -> bool:
        """Whether it is still under way, or began a moment ago."""
        return not self._done.is_set() or self._monotonic() - self._began < FRESH

    def result(self) -> Any:
        """What it returned; raises what it raised."""
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._found
