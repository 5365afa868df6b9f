"""``make bench``: every figure is a ratio taken side by side in one run, with its spread. Writes JSON beside the table.

Why it exists: absolute figures belong to a machine; a ratio says whether orch got slower. The backfill is the plain one (1,000
rows a transaction); stripes and a controller come later, and this is what they will be held against.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from orchestrator import embedded
from orchestrator.config import Config, TargetConfig
from orchestrator.service import Service
from state.model import State

ROWS = int(os.environ.get("ORCH_BENCH_ROWS", "200000"))
ROUNDS = int(os.environ.get("ORCH_BENCH_ROUNDS", "3"))
SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "4GB"}


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
        return f"{self.name:<62} {self.median:7.3f}  ({min(self.rounds):.3f} to {max(self.rounds):.3f})  {self.unit}"


def table(link: psycopg.Connection, indexes: int) -> None:
    """A fresh table of ROWS rows with some secondary indexes."""
    link.execute("DROP TABLE IF EXISTS orders CASCADE")
    link.execute(
        "CREATE TABLE orders (id bigint PRIMARY KEY, email text NOT NULL, status text NOT NULL, quantity int NOT NULL,"
        " amount numeric NOT NULL, created_at timestamptz NOT NULL)"
    )
    link.execute(
        "INSERT INTO orders SELECT i, 'user' || i || '@example.org', 'open', mod(i, 7), i / 3.0,"
        " timestamptz '2026-01-01' + i * interval '1 second' FROM generate_series(1, %s) i",
        (ROWS,),
    )
    for column in ("status", "quantity", "amount", "created_at")[:indexes]:
        link.execute(f"CREATE INDEX ON orders ({column})".encode())
    link.execute("VACUUM (ANALYZE) orders")
    link.execute("CHECKPOINT")


def measured(link: psycopg.Connection, work: Callable[[], None]) -> tuple[float, int, int]:
    """Seconds, WAL bytes and table bytes of some work."""
    before = link.execute("SELECT pg_current_wal_lsn()").fetchone()
    started = time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    wal = link.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), %s)::bigint", before).fetchone()
    size = link.execute("SELECT pg_table_size('orders')").fetchone()
    assert wal is not None
    assert size is not None
    return seconds, wal[0], size[0]


def one_update(link: psycopg.Connection) -> None:
    """What people do without orch."""
    link.execute("UPDATE orders SET customer_email = email WHERE customer_email IS NULL")


def backfills(url: str, indexes: int) -> list[Ratio]:
    """Our backfill phase (with lease, fence, cursor and events) against one UPDATE of the whole table."""
    speed, wal, size = [], [], []
    for round_ in range(ROUNDS):
        with psycopg.connect(url, autocommit=True) as link:
            table(link, indexes)
            link.execute("ALTER TABLE orders ADD COLUMN customer_email text")
            whole = measured(link, lambda link=link: one_update(link))  # type: ignore[misc]
            table(link, indexes)
            ours = measured(link, prepared(url, f"bench-{indexes}-{round_}"))
        taken_back(url, f"bench-{indexes}-{round_}")
        speed.append(whole[0] / ours[0])
        wal.append(ours[1] / whole[1])
        size.append(ours[2] / whole[2])
    name = f"backfill of {ROWS:,} rows, {indexes} secondary indexes, against one UPDATE:"
    return [
        Ratio(f"{name} rows/s", "× (more is better)", tuple(speed)),
        Ratio(f"{name} WAL", "× (less is better)", tuple(wal)),
        Ratio(f"{name} table size", "× (less is better)", tuple(size)),
    ]


def prepared(url: str, change: str) -> Callable[[], None]:
    """A change that waits at its backfill gate, approved; calling it runs the phase (fill, then prove NOT NULL)."""
    service = Service(Config(registry_url=url, targets={"bench": TargetConfig("bench", url)}))
    source = f"change: {change}\noperations:\n  - rename_column: {{table: orders, column: email, to: customer_email}}\n"
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
    with Service(Config(registry_url=url, targets={"bench": TargetConfig("bench", url)})) as service:
        service.abort(change, reason="it has been measured")
        service.advance(change)


def guards(url: str) -> list[Ratio]:
    """What lease, hold and fence took of the batches' time, as each run wrote it down with its outcome."""
    query = "SELECT payload::json -> 'data' FROM orch.event WHERE kind = 'step.done' AND payload LIKE '%guard_seconds%'"
    with psycopg.connect(url) as link:
        costs = [row[0] for row in link.execute(query).fetchall()]
    rounds = tuple(cost["guard_seconds"] / cost["batch_seconds"] for cost in costs)
    return [Ratio("lease, hold and fence in the batches above", "of their time (bar: 0.02)", rounds)]


def writes(url: str) -> list[Ratio]:
    """What the sync trigger costs an application that updates the mirrored column, one row a transaction."""
    rounds = []
    for round_ in range(ROUNDS):
        with psycopg.connect(url, autocommit=True) as link:
            table(link, 0)
            bare = updates(link)
            prepared(url, f"bench-writes-{round_}")
            rounds.append(updates(link) / bare)
        taken_back(url, f"bench-writes-{round_}")
    return [Ratio("single-row UPDATE of a mirrored column, with the sync trigger", "× the time without", tuple(rounds))]


def updates(link: psycopg.Connection, count: int = 2000) -> float:
    """Seconds of some single-row updates without waiting for the disk."""
    link.execute("SET synchronous_commit = off")
    started = time.perf_counter()
    for number in range(count):
        link.execute("UPDATE orders SET email = %s WHERE id = %s", (f"new{number}@example.org", number + 1))
    return time.perf_counter() - started


def start_up(url: str) -> list[Ratio]:
    """``orch status --json`` against importing the two libraries it cannot do without; medians of seven, per round."""
    orch = [str(Path(sys.executable).with_name("orch")), "status", "--json"]
    bare = [sys.executable, "-c", "import psycopg, sqlalchemy"]
    environment = {**os.environ, "ORCH_URL": url}

    def seconds(command: list[str]) -> float:
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=environment)
        return time.perf_counter() - started

    rounds = []
    for _ in range(ROUNDS):
        pairs = [(seconds(orch), seconds(bare)) for _ in range(7)]
        rounds.append(statistics.median(a for a, _ in pairs) / statistics.median(b for _, b in pairs))
    return [Ratio("orch status --json, against importing psycopg and sqlalchemy", "× the time (bar: 2)", tuple(rounds))]


def main() -> None:
    """Run everything on a durable embedded server of its own."""
    with embedded.running(settings=SETTINGS) as server:
        url = embedded.create_database(server, "bench")
        with Service(Config(registry_url=url, targets={"bench": TargetConfig("bench", url)})) as service:
            service.init()
        results = [*backfills(url, 0), *backfills(url, 4), *guards(url), *writes(url), *start_up(url)]
    sys.stdout.write("\n".join(ratio.line() for ratio in results) + "\n")
    machine = {"machine": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()}
    report = {**machine, "rows": ROWS, "ratios": [{"name": r.name, "rounds": r.rounds} for r in results]}
    Path("bench.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
