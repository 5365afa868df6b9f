"""Who waits for whom on the targets, read beside the poll.

Why it exists: the poll asks the registry; a target that does not answer must not make the whole screen STALE. All screens that
show locks are fed from one reading, so that none of them disagree.
"""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.core.errors import OrchError
from orchestrator.core.locks import TargetLocks
from tui.calls import in_thread
from tui.service import Service
from tui.viewmodel import Locks

NEAR, FAR = 2.0, 10.0
"""Seconds between two looks: while locks are shown, and while only their number is. Each look connects anew."""
PATIENCE = 30.0
"""Seconds after which a look that hangs is left behind and another is tried."""
AT_ONCE = 4
"""Looks that may hang before no further one is tried."""


class LockWatch:
    """Reads locks through a Service."""

    def __init__(self, service: Service, monotonic: Callable[[], float]) -> None:
        self._service, self._monotonic = service, monotonic
        self._seen: tuple[TargetLocks, ...] | None = None
        self._heard = 0.0
        self._began: list[float] = []

    def seen(self) -> Locks | None:
        """What is known now; None before the first answer."""
        return None if self._seen is None else Locks(self._seen, self._monotonic() - self._heard)

    def may_start(self, every: float) -> bool:
        """Whether to look again."""
        now = self._monotonic()
        if self._began:
            return len(self._began) < AT_ONCE and now - self._began[-1] > PATIENCE
        return self._seen is None or now - self._heard >= every

    async def look(self) -> None:
        """Look once. Never raises what the service raised."""
        began = self._monotonic()
        self._began.append(began)
        try:
            seen = await in_thread(self._look)
        except OrchError as error:
            seen = (TargetLocks("", trouble=error.message),)
        except Exception as error:
            seen = (TargetLocks("", trouble=f"{type(error).__name__}: {error}"),)
        finally:
            self._began.remove(began)
        self._seen, self._heard = seen, self._monotonic()

    def _look(self) -> tuple[TargetLocks, ...]:
        return self._service.locks()  # to name the service may load it, which the screen must not wait for
