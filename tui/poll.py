"""The poll: what was read last, when, and what went wrong since.

Why it exists: the age of the last answer says LIVE or STALE, never the call that hangs. A dead server may answer no call and
fail none, so a call that takes too long is left behind and another one is tried.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from orchestrator.core.errors import OrchError
from orchestrator.core.status import Status
from orchestrator.core.view import Identity
from tui.backfillmodel import Rates
from tui.calls import in_thread
from tui.live import Live, Reading
from tui.service import Fleet, Service
from tui.viewmodel import World

PATIENCE = 10.0
"""Seconds after which the first hanging call is left behind; each further one is given twice as long."""
LONGEST = 60.0


class Poll:
    """Reads the World through a Service."""

    def __init__(self, service: Service, clock: Callable[[], datetime], monotonic: Callable[[], float]) -> None:
        self._service, self._clock, self._monotonic = service, clock, monotonic
        self._fleet: Fleet | None = None
        self._statuses: tuple[Status, ...] = ()
        self._rates = Rates()
        self._identity: Identity | None = None
        self._heard: float | None = None
        self._trouble, self._next_step = "", ""
        self._hanging: list[float] = []
        self._rest, self._began = 0.0, -math.inf
        self.hinted = False

    def world(self, busy: str = "") -> World:
        """What is known now."""
        age = None if self._heard is None else self._monotonic() - self._heard
        known = World(self._clock(), self._statuses, self._identity, age, self._trouble, self._next_step, busy)
        return replace(known, rates=self._rates)

    def hint(self) -> None:
        """Something has happened: ask as soon as may be, whatever the pace."""
        self.hinted = True

    def may_start(self, pace: float = 0.0) -> bool:
        """Whether to ask again: after as long a rest as the last call took; later, the more calls hang.

        Without a hint, ``pace`` seconds after the last call began.
        """
        if not self._hanging:
            due = self._rest if self.hinted else max(self._rest, self._began + pace)
            return self._monotonic() >= due
        patience = min(PATIENCE * 2.0 ** (len(self._hanging) - 1), LONGEST)
        return self._monotonic() - self._hanging[-1] > patience

    def rest(self) -> float:
        """Seconds until a hint may be followed, unless a call hangs."""
        return max(0.0, self._rest - self._monotonic())

    def start(self) -> float:
        """Note that a call goes out; what it returns is handed to ``ask``."""
        began = self._began = self._monotonic()
        self.hinted = False
        self._hanging.append(began)
        return began

    async def ask(self, began: float, wanted: Mapping[Live, Reading]) -> dict[Live, object]:
        """Read statuses, and what each screen wants besides. Never raises what the service raised."""

        def read() -> tuple[Identity, Fleet, dict[Live, object]]:
            identity = self._identity or self._service.identity()
            fleet = self._service.fleet(self._fleet)
            return identity, fleet, {s: _tried(r, self._service) for s, r in wanted.items()}

        try:
            identity, fleet, answers = await in_thread(read)
        except OrchError as error:
            self._failed(began, error.message, error.next_step)
        except Exception as error:
            self._failed(began, f"{type(error).__name__}: {error}", "")
        else:
            return answers if self._told(began, identity, fleet) else {}
        finally:
            self._hanging.remove(began)
            self._rest = 2 * self._monotonic() - began
        return {}

    def _told(self, began: float, identity: Identity, fleet: Fleet) -> bool:
        """Take an answer in, unless a later one came first."""
        if self._heard is not None and began < self._heard:
            return False
        self._identity, self._fleet, self._heard = identity, fleet, began
        self._statuses = fleet.statuses
        self._rates = self._rates.after(began, self._clock(), self._statuses)
        self._trouble, self._next_step = "", ""
        return True

    def _failed(self, began: float, trouble: str, next_step: str) -> None:
        """Take a failure in, unless a later call was answered."""
        if self._heard is None or began >= self._heard:
            self._trouble, self._next_step = trouble, next_step


def _tried(read: Reading, service: Service) -> object:
    try:
        return read(service)
    except OrchError as error:
        return error
    except Exception as error:
        return OrchError(f"{type(error).__name__}: {error}")
