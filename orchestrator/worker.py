"""The worker: runs whatever is ready, on its own, until told to stop.

Why it exists: soaks end and approvals arrive while nobody is at a terminal. Timers are APScheduler's, with a memory job
store: what is due is written in the Registry, so a sweep that is lost or repeated costs nothing. The timer only wakes
the main thread, which sweeps; a signal then interrupts the sweep where it can end its batch, as in ``orch advance``.
Several workers may run at once: the lease decides.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from orchestrator.config import Config, redact
from orchestrator.core.errors import Busy, OrchError

LOOK_BACK = 60.0
"""Seconds between two comparisons of what is over with the targets."""
FIRST_PAUSE = 5.0
LONGEST_PAUSE = 300.0
_SWEEP = ""
_ENDS = "what is over"


class Runs(Protocol):
    """What the worker needs of the service."""

    def ready(self) -> Sequence[str]:
        """Changes that may run now."""

    def fallen_back(self) -> Sequence[str]:
        """Changes that are over, and whose target lost that."""

    def advance(self, change_id: str) -> Any:
        """Run the next phase of one."""


def _say(text: str) -> None:
    line = redact(" ".join(text.split()))
    print(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {line}", file=sys.stderr, flush=True)  # noqa: T201


@dataclass
class Sweeper:
    """Advances what is ready, one after the other, and leaves alone for a while what has just failed."""

    service: Runs
    say: Callable[[str], None] = _say
    clock: Callable[[], float] = time.monotonic
    _failures: dict[str, tuple[int, float]] = field(default_factory=dict)
    _looks_back_at: float = field(default=0.0)

    def sweep(self) -> None:
        """One round. Nothing a change does ends it but an interruption."""
        if self._resting(_SWEEP):
            return
        ready: list[str] = [*(self._attempt(_SWEEP, self.service.ready) or ()), *self._fallen_back()]
        for change in ready:
            if not self._resting(change):
                self._attempt(change, partial(self.service.advance, change))
        self._forget({_SWEEP, _ENDS, *ready})

    def _fallen_back(self) -> Sequence[str]:
        """A failover can take back what is over: now and then that is compared, also right after the start."""
        if self.clock() < self._looks_back_at or self._resting(_ENDS):
            return ()
        self._looks_back_at = self.clock() + LOOK_BACK
        return self._attempt(_ENDS, self.service.fallen_back) or ()

    def _attempt(self, key: str, work: Callable[[], Any]) -> Any:
        try:
            found = work()
        except Busy:
            return None
        except OrchError as error:
            self._failed(key, error.message)
        except Exception as error:
            self._failed(key, f"{type(error).__name__}: {error}")
        else:
            self._failures.pop(key, None)
            return found
        return None

    def _resting(self, key: str) -> bool:
        return key in self._failures and self.clock() < self._failures[key][1]

    def _failed(self, key: str, why: str) -> None:
        count = self._failures.get(key, (0, 0.0))[0]
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**count)
        self._failures[key] = (min(count + 1, 20), self.clock() + pause)
        self.say(f"{key or 'worker'}: {why} (again in {pause:.0f} s)")

    def _forget(self, live: set[str]) -> None:
        """Drop the memory of changes that are no longer ready and whose rest is over."""
        self._failures = {
            key: value
            for key, value in self._failures.items()
            if key in live or self.clock() < value[1] + LONGEST_PAUSE
        }


def run(config: Config, interval: float = 1.0, *, once: bool = False, parent: int | None = None) -> None:
    """Sweep every ``interval`` seconds until interrupted, or once.

    Raises KeyboardInterrupt, when that is how it ended. With ``parent``, ends when that process is gone.
    """
    from orchestrator.service import Service

    with Service(config, client="worker") as service:
        sweeper = Sweeper(service)
        if once:
            sweeper.sweep()
        else:
            _forever(sweeper, interval, parent)


def _forever(sweeper: Sweeper, interval: float, parent: int | None) -> None:
    due = threading.Event()

    def wake() -> None:
        if parent is not None and os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)  # the main thread ends its batch first
        due.set()

    timer = _timer(wake, interval)
    timer.start()
    try:
        while True:
            due.wait()
            due.clear()
            sweeper.sweep()
    finally:
        timer.shutdown(wait=False)


def _timer(wake: Callable[[], None], interval: float) -> BackgroundScheduler:
    timer = BackgroundScheduler(jobstores={"default": MemoryJobStore()}, timezone="UTC")
    timer.add_job(
        wake,
        "interval",
        seconds=interval,
        id="sweep",
        next_run_time=datetime.now(UTC),
        misfire_grace_time=None,
        coalesce=True,
        max_instances=1,
    )
    return timer
