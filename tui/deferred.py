"""A service that is made by the first call of it, in that call's thread.

Why it exists: loading the database libraries takes longer than painting the first frame, and nothing is asked before that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class Deferred:
    """Stands for what ``make`` makes; whoever asks first makes it. ``close`` of what was never made does nothing."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._made: Any = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close it, if there is anything to close."""
        if self._made is not None:
            self._made.close()

    def __getattr__(self, name: str) -> Any:
        with self._lock:
            if self._made is None:
                self._made = self._make()
        return getattr(self._made, name)
