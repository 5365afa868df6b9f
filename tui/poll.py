"""The poll: what was read last, when, and what went wrong since.

Why it exists: the age of the last answer says LIVE or STALE, never the call that hangs. A dead server may answer no call and
fail none, so a call that takes too long is left behind and another one is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from orchestrator.core.errors import OrchError
from orchestrator.core.status import Status
from orchestrator.core.view import Identity
from tui.calls import in_thread
from tui.live import Live, Reading
from tui.service import Service
from tui.viewmodel import World

PATIENCE = 10.0
"""Seconds after which a call is left behind."""
LEFT_BEHIND = 3
"""How many calls may hang at once."""


class Poll:
    """Reads the World through a Service."""

    def __init__(self, service: Service, clock: Callable[[], datetime], monotonic: Callable[[], float]) -> None:
        self._service, self._clock, self._monotonic = service, clock, monotonic
        self._statuses: tuple[Status, ...] = ()
        self._identity: Identity | None = None
        self._heard: float | None = None
        self._trouble, self._next_step = "", ""
        self._hanging: list[float] = []

    def world(self, busy: str = "") -> World:
        """What is known now."""
        age = None if self._heard is None else self._monotonic() - self._heard
        return World(self._clock(), self._statuses, self._identity, age, self._trouble, self._next_step, busy)

    def may_start(self) -> bool:
        """Whether to ask again: not while a fresh call is out, and not when too many hang."""
        if not self._hanging:
            return True
        late = self._monotonic() - self._hanging[-1] > PATIENCE
        return late and len(self._hanging) < LEFT_BEHIND

    async def ask(self, wanted: Mapping[Live, Reading]) -> dict[Live, object]:
        """Read statuses, and what each screen wants besides. Never raises what the service raised."""
        began = self._monotonic()
        self._hanging.append(began)

        def read() -> tuple[Identity, tuple[Status, ...], dict[Live, object]]:
            identity = self._identity or self._service.identity()
            statuses = tuple(self._service.statuses())
            return identity, statuses, {s: _tried(r, self._service) for s, r in wanted.items()}

        try:
            self._identity, self._statuses, answers = await in_thread(read)
        except OrchError as error:
            self._trouble, self._next_step = error.message, error.next_step
        except Exception as error:
            self._trouble, self._next_step = f"{type(error).__name__}: {error}", ""
        else:
            self._trouble, self._next_step, self._heard = "", "", began
            return answers
        finally:
            self._hanging.remove(began)
        return {}


def _tried(read: Reading, service: Service) -> object:
    try:
        return read(service)
    except OrchError as error:
        return error
    except Exception as error:
        return OrchError(f"{type(error).__name__}: {error}")
