"""Holds back whoever works on a table while a Signal stands against it, and says how much it may do next.

Why it exists: a backfill and a comparison press on the same server, so one law holds both back. Safe to share between threads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.core.throttle import Drive, Effect, Pressure, Ruling, Servo, pause, ruling
from orchestrator.engine.monitor import Monitor

SLICE = 0.1
"""Seconds after which a wait looks again: whether it may go on, whether it is held, whether the lease is lost."""


def nothing() -> Pressure | None:
    """No Pressure besides those of the Signals."""
    return None


@dataclass
class Brake:
    """What the Signals of ``monitor`` mean for work in pieces. ``besides`` is a Pressure that no Signal knows of.

    ``proceed`` is asked again and again while something is held back, and may raise.
    """

    monitor: Monitor
    servo: Servo
    proceed: Callable[[], None]
    besides: Callable[[], Pressure | None] = nothing
    drive: Drive = field(default_factory=Drive)
    _number: int = 0
    _owed: threading.local = field(default_factory=threading.local)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, tell: Callable[[Ruling], None]) -> None:
        """Return once nothing stands against the next piece and this thread has rested; tells the ruling until then."""
        owed = getattr(self._owed, "seconds", 0.0)
        self._owed.seconds = 0.0
        until = time.monotonic() + owed
        while True:
            self.proceed()
            found = self._steered()
            left = until - time.monotonic()
            if not found.stops and left <= 0:
                return
            tell(found)
            time.sleep(min(SLICE, left) if left > 0 and not found.stops else SLICE)

    def after(self, rows: int, seconds: float) -> int:
        """Rows of the next piece after one of ``rows`` took ``seconds``.

        The next ``wait`` of this thread rests for as long as the duty cycle asks.
        """
        with self._lock:
            self.servo = self.servo.after(rows, seconds, self.monitor.control.statement_time)
            self._owed.seconds = pause(seconds, self.drive.duty)
            return self.servo.rows

    def ruling(self) -> Ruling:
        """What is known now."""
        found, more = self.monitor.ruling(), self.besides()
        return found if more is None else ruling([more, *found.reasons])

    def _steered(self) -> Ruling:
        """The ruling of now, after which the drive has seen every reading once."""
        found = self.ruling()
        with self._lock:
            if self.monitor.number != self._number or (found.stops and not self.drive.stopped):
                self._number = self.monitor.number
                self.drive = self.drive.after(found, self.monitor.control.lanes)
        return found


def stopped(found: Ruling) -> str | None:
    """Why nothing runs, in words; None when something may."""
    return found.words(Effect.STOP)
