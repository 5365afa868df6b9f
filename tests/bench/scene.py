"""What every benchmark needs: a ratio with its rounds, fresh tables, changes that wait at their backfill, and measured work."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from orchestrator.config import Config, TargetConfig
from orchestrator.service import Service
from state.model import State
from tests.support.release import NO_PROOF

ROWS = int(os.environ.get("ORCH_BENCH_ROWS", "200000"))
ROUNDS = int(os.environ.get("ORCH_BENCH_ROUNDS", "3"))
INDEXED = ("status", "quantity", "amount", "created_at")


@dataclass(frozen=True)
class Ratio:
    """One line of the table: ours over the other, per round."""

    name: str
    unit: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    def line(self) -> str:
        return f"{self.name:<70} {self.median:7.3f}  ({min(self.rounds):.3f} to {max(self.rounds):.3f})  {self.unit}"


@dataclass(frozen=True)
class Table:
    """A table to be filled. ``pad`` are bytes of a column that nothing reads; a random ``uuid`` may be its key;
    at most ``lanes`` sessions fill it."""

    name: str
    indexes: int = 0
    rows: int = ROWS
    pad: int = 0
    uuid: bool = False
    lanes: int = 1

    def make(self, link: psycopg.Connection) -> None:
        """Make it anew, at rest."""
        key = ("uuid", "gen_random_uuid()") if self.uuid else ("bigint", "i")
        link.execute("DROP TABLE IF EXISTS orders CASCADE")
        link.execute(
            f"CREATE TABLE orders (id {key[0]} PRIMARY KEY, email text NOT NULL, status text NOT NULL, quantity int NOT NULL,"
            " amount numeric NOT NULL, created_at timestamptz NOT NULL, pad text NOT NULL)".encode()
        )
        link.execute("ALTER TABLE orders ALTER pad SET STORAGE PLAIN")
        link.execute(
            f"INSERT INTO orders SELECT {key[1]}, 'user' || i || '@example.org', 'open', mod(i, 7), i / 3.0, timestamptz"
            " '2026-01-01' + i * interval '1 second', repeat('x', %s) FROM generate_series(1, %s) i".encode(),
            (self.pad, self.rows),
        )
        for column in INDEXED[: self.indexes]:
            link.execute(f"CREATE INDEX ON orders ({column})".encode())
        link.execute("VACUUM (ANALYZE) orders")
        link.execute("CHECKPOINT")


@dataclass(frozen=True)
class Took:
    """Seconds, bytes of WAL, and bytes of the table afterwards and before."""

    seconds: float
    wal: int
    size: int
    before: int


def size(link: psycopg.Connection) -> int:
    """Bytes of the table without its indexes."""
    (found,) = link.execute("SELECT pg_table_size('orders')").fetchone() or (0,)
    return int(found)


def measured(link: psycopg.Connection, work: Callable[[], None]) -> Took:
    """What some work took."""
    at_first = size(link)
    before = link.execute("SELECT pg_current_wal_lsn()").fetchone()
    started = time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    (wal,) = link.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), %s)::bigint", before).fetchone() or (0,)
    return Took(seconds, wal, size(link), at_first)


def service_at(url: str) -> Service:
    """The service over one database that is registry and target at once; nobody has to rehearse on a large table."""
    return Service(Config(registry_url=url, targets={"default": TargetConfig("default", url, rehearse_from=0)}))


def prepared(url: str, change: str, lanes: int = 1) -> Callable[[], None]:
    """A change that waits at its backfill gate, approved; calling it runs the phase (fill, then prove NOT NULL)."""
    service = service_at(url)
    source = f"change: {change}\noperations:\n  - rename_column: {{table: orders, column: email, to: customer_email}}\n"
    source += NO_PROOF + f"backfill: {{lanes: {lanes}}}\n"
    service.submit(source, "bench.yaml")
    service.approve(change)
    service.advance(change, through=State.EXPANDED)
    service.approve(change)

    def run() -> None:
        service.advance(change, through=State.BACKFILLED)
        service.close()

    return run


def taken_back(url: str, change: str) -> None:
    """Abort a change, for the next one needs the same column."""
    with service_at(url) as service:
        service.abort(change, reason="it has been measured")
        service.advance(change)
