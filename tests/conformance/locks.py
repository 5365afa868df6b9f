"""How long a session of orch's holds a table against its readers or writers, seen from outside.

Why it exists: a lock that is held while a million rows are read is invisible in a small test and an outage in a large
database. The locks are sampled from the server's own list; a hold is the time between the first and the last sample that
showed it, so it is never overestimated.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any, Self

import psycopg
from psycopg import sql

from orchestrator.core.progress import Progress

_HELD = """
SELECT extract(epoch FROM clock_timestamp())::float, l.mode, l.virtualtransaction FROM pg_locks l
  JOIN pg_stat_activity a USING (pid)
 WHERE l.granted AND l.locktype = 'relation' AND l.relation = to_regclass(%s) AND a.application_name LIKE 'orch:%%'
   AND l.mode IN ('AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock', 'ShareLock')
"""


@dataclass
class Watch:
    """Samples until left. ``holds``: (mode, transaction) → first and last second at which it was held."""

    url: str
    table: str
    holds: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    samples: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        assert self._thread is not None
        self._thread.join()

    @property
    def longest(self) -> dict[str, float]:
        """Mode → seconds."""
        found: dict[str, float] = {}
        for (mode, _), (first, last) in self.holds.items():
            found[mode] = max(found.get(mode, 0.0), last - first)
        return found

    def _watch(self) -> None:
        with psycopg.connect(self.url, autocommit=True, prepare_threshold=0) as link:
            name = sql.Identifier(self.table).as_string(link)
            while not self._over.wait(0.003):
                self.samples += 1
                for at, mode, transaction in link.execute(_HELD, [name]):
                    first, _ = self.holds.get((mode, transaction), (at, at))
                    self.holds[mode, transaction] = (first, at)


_OURS = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'orch:%%' AND datname = current_database()"
_READ = "SELECT seq_tup_read FROM pg_stat_all_tables WHERE relid = %s"


@dataclass
class Reads:
    """Rows of a table that each Step read one after the other, by the server's own statistics; it listens to a run."""

    link: psycopg.Connection[Any]
    table: int
    rows: dict[int, int] = field(default_factory=dict)
    _before: int = 0

    def listen(self, progress: Progress) -> None:
        """Between the beginning of a Step and its end."""
        if progress.ordinal is not None and progress.kind == "step.started":
            self._before = self.now()
        elif progress.ordinal is not None and progress.kind == "step.done":
            self.rows[progress.ordinal] = self.now() - self._before

    def now(self) -> int:
        """A session's statistics are there once it is gone."""
        deadline = time.monotonic() + 5
        while self.link.execute(_OURS).fetchone() != (0,) and time.monotonic() < deadline:
            time.sleep(0.01)
        found = self.link.execute(_READ, [self.table]).fetchone()
        return int(found[0]) if found else 0


def scan_time(link: psycopg.Connection[Any], table: str) -> float:
    """How long this server needs, here and now, to prove NOT NULL of every row under lock; the best of three, in seconds.

    It is the cheapest thing that reads all rows: whatever an operation might do to each row under lock takes longer.
    """
    return min(_proof(link, table) for _ in range(3))


def _proof(link: psycopg.Connection[Any], table: str) -> float:
    prove = "ALTER TABLE {} ADD CONSTRAINT every_row_is_read CHECK (tableoid IS NOT NULL)"
    began = _clock(link)
    with link.transaction(force_rollback=True):
        link.execute(sql.SQL(prove).format(sql.Identifier(table)))
        return _clock(link) - began


def _clock(link: psycopg.Connection[Any]) -> float:
    ((seconds,),) = link.execute("SELECT extract(epoch FROM clock_timestamp())::float")
    return float(seconds)
