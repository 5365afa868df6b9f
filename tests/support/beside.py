"""A statement that an application sends again and again beside what is tested, and the longest that it had to wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

EVERY = 0.01
"""Seconds from an answer to the next statement."""


@dataclass
class Beside:
    """How long each answer took, in seconds."""

    waits: list[float] = field(default_factory=list)

    @property
    def slowest(self) -> float:
        """Raises ValueError where nothing was answered, which would show nothing."""
        return max(self.waits)


@contextmanager
def beside(url: str, statement: str) -> Iterator[Beside]:
    """Send it until the block ends, from a session of its own."""
    seen, over = Beside(), threading.Event()

    def application() -> None:
        with psycopg.connect(url, autocommit=True) as link:
            while not over.wait(EVERY):
                began = time.monotonic()
                link.execute(statement.encode())
                seen.waits.append(time.monotonic() - began)

    thread = threading.Thread(target=application)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join(10)
