"""Applications at work during a rehearsal: sessions that send statements of their shape and note how long each took.

Why it exists: "the lock was short" is a claim about the server; what counts is how long somebody waited.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random

import psycopg

from orchestrator.rehearsal.model import Cell
from orchestrator.rehearsal.statements import BEYOND, Sent

_PAUSE = 0.01
_NUMBERS = count(BEYOND + secrets.randbelow(BEYOND))
"""Of rows to insert: a restored copy sees several runs, and perhaps several rehearsals."""
_PATIENCE = 10.0
_PATH = "SELECT pg_catalog.set_config('search_path', %s, false)"


@dataclass
class Load:
    """Sessions per shape, and what they noted. ``phase`` is what the change is doing; ``at_work`` the shapes that send now.

    ``rested`` is how each statement fared at the rest after a phase: how it failed, or nothing.
    """

    url: str
    statements: Sequence[Sent]
    phase: str = "before"
    at_work: frozenset[str] = frozenset()
    samples: list[tuple[float, float]] = field(default_factory=list)
    cells: dict[tuple[int, str], Cell] = field(default_factory=dict)
    rested: dict[tuple[int, str], str] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)
    _busy: dict[int, str] = field(default_factory=dict)

    def start(self, sessions: int) -> None:
        """Let so many sessions of each shape begin; they wait until their shape is at work."""
        for shape in sorted({each.shape for each in self.statements}):
            for _ in range(sessions):
                number = len(self._threads)
                thread = threading.Thread(target=self._work, args=(shape, number), daemon=True)
                self._threads.append(thread)
                thread.start()

    def stop(self) -> None:
        """End every session."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def let(self, phase: str, *shapes: str) -> None:
        """From here on the change is in that phase, and these shapes send. Returns when no other shape's statement runs."""
        self.at_work = frozenset((*shapes, "both") if shapes else ())
        deadline = time.monotonic() + _PATIENCE
        while any(who not in self.at_work for who in list(self._busy.values())) and time.monotonic() < deadline:
            time.sleep(0.002)
        self.phase = phase

    def probe(self, phase: str) -> None:
        """Send every statement once, whatever its shape, and take it back; how it fared counts for that phase."""
        with psycopg.connect(self.url, application_name="rehearsal:probe", prepare_threshold=None) as link:
            for at, statement in enumerate(self.statements):
                link.execute(_PATH, (statement.path,))
                given = statement.parameters(Random(at), next(_NUMBERS))  # noqa: S311
                error = _failure(link, statement, given)
                link.rollback()
                self.rested[at, phase] = error
                self._note(at, phase, error)

    def between(self, begin: float, end: float) -> list[float]:
        """How long statements took that ran at some time within these."""
        return [seconds for began, seconds in list(self.samples) if began <= end and began + seconds >= begin]

    def _work(self, shape: str, number: int) -> None:
        mine = [(at, each) for at, each in enumerate(self.statements) if each.shape == shape]
        random, link = Random(f"{shape} {number}"), None  # noqa: S311
        while not self._over.wait(_PAUSE * (0.5 + random.random())):
            if shape not in self.at_work:
                if link is not None:
                    link.close()
                    link = None
                self._busy.pop(number, None)
                continue
            self._busy[number] = shape
            link = link or _connected(self.url, shape, mine[0][1].path)
            at, statement = random.choice(mine)
            phase, began = self.phase, time.monotonic()
            error = _failure(link, statement, statement.parameters(random, next(_NUMBERS)))
            self.samples.append((began, time.monotonic() - began))
            self._note(at, phase, error)
        if link is not None:
            link.close()

    def _note(self, at: int, phase: str, error: str) -> None:
        with self._lock:
            before = self.cells.get((at, phase), Cell())
            self.cells[at, phase] = Cell(before.sent + 1, before.failed + bool(error), before.error or error)


def _connected(url: str, shape: str, path: str) -> psycopg.Connection:
    link = psycopg.connect(url, autocommit=True, application_name=f"rehearsal:{shape}")
    link.execute(_PATH, (path,))
    return link


def _failure(link: psycopg.Connection, statement: Sent, parameters: dict[str, object]) -> str:
    """How a statement failed; empty where it worked."""
    try:
        link.execute(statement.query, parameters)
    except psycopg.Error as error:
        return f"{error.diag.message_primary or error} ({error.sqlstate})"
    return ""
