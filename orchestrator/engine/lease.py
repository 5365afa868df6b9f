"""Holding the Lease while work runs, and stopping the moment it is lost.

Why it exists: a worker that was frozen or cut off must not write. The Lease is renewed from its own thread and connection;
when that fails, or the monotonic clock passes what was granted, the running statement is cancelled and every further step
refuses (design §5, item 1).
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from orchestrator.core.errors import LeaseLost
from state.errors import RegistryError
from state.store import Registry

TTL = 30.0
"""Seconds a lease lasts unless told otherwise; renewed every third of it."""
MARGIN = 1 / 6
"""Share of a lease, at the end of what was granted, in which nothing more is begun."""


class Cancellable(Protocol):
    """What can be cancelled from another thread."""

    def cancel(self) -> None:
        """Cancel what runs."""


def owner(client: str) -> str:
    """Who we are, for people: client, host and process."""
    return f"{client}@{socket.gethostname()}:{os.getpid()}"


class Lease:
    """The exclusive, expiring right to run one Change. ``fence`` is its token."""

    def __init__(self, registry: Registry, change_id: str, fence: int, ttl: float) -> None:
        self.fence = fence
        self._registry = registry
        self._change_id = change_id
        self._ttl = ttl
        self._margin = ttl * MARGIN
        self._granted_until = time.monotonic() + ttl
        self._over = threading.Event()
        self._losing = threading.Lock()
        self._lost = False
        self._running: list[Cancellable] = []
        self._threads = [
            threading.Thread(target=work, name=f"lease {change_id}", daemon=True) for work in (self._renew, self._watch)
        ]
        for thread in self._threads:
            thread.start()

    def check(self) -> None:
        """Raise LeaseLost unless the lease is surely still ours."""
        if self._lost or time.monotonic() > self._safe_until:
            raise LeaseLost(
                f"the lease of {self._change_id} (fence {self.fence}) was lost; another worker may run it",
                f"orch status {self._change_id}",
            )

    @contextmanager
    def guarding(self, session: Cancellable) -> Iterator[None]:
        """While inside, losing the lease cancels what ``session`` runs. Several may be inside at once."""
        self._running.append(session)
        try:
            self.check()
            yield
        finally:
            self._running.remove(session)

    def close(self) -> None:
        """Stop renewing."""
        self._over.set()
        for thread in self._threads:
            thread.join(self._ttl)

    def _renew(self) -> None:
        while not self._lost and not self._over.wait(self._ttl / 3):
            asked_at = time.monotonic()
            with suppress(Exception):  # whatever it is, the lease was not renewed; _watch sees when it is over
                if self._registry.renew(self._change_id, self.fence, self._ttl):
                    self._granted_until = asked_at + self._ttl
                else:
                    self._lose()

    def _watch(self) -> None:
        """Beside ``_renew``, which may hang on a Registry that does not answer."""
        while not self._lost and not self._over.wait(max(0.0, self._safe_until - time.monotonic())):
            if time.monotonic() > self._safe_until:
                self._lose()

    @property
    def _safe_until(self) -> float:
        return self._granted_until - self._margin

    def _lose(self) -> None:
        with self._losing:
            if not self._lost:
                self._lost = True
                self._cancel()

    def _cancel(self) -> None:
        for running in tuple(self._running):
            with suppress(Exception):  # a connection that cannot be cancelled is fenced out all the same
                running.cancel()


@contextmanager
def held(
    registry: Registry, change_id: str, client: str, ttl: float = TTL, *, beyond: int = 0, refused: int = 0
) -> Iterator[Lease]:
    """Take the lease, keep it while inside, give it back. Raises state.errors.Busy.

    ``beyond`` is a greater fence that stands on the target, and ``refused`` the one of ours that it shut out.
    """
    fence = registry.acquire(change_id, owner(client), ttl, beyond=beyond, refused=refused)
    lease = Lease(registry, change_id, fence, ttl)
    try:
        yield lease
    finally:
        lease.close()
        with suppress(RegistryError):
            registry.release(change_id, fence)
