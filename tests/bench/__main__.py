"""``make bench``: every figure is a ratio taken side by side in one run, with its spread. Writes JSON beside the table.

Why it exists: absolute figures belong to a machine; a ratio says whether orch got slower. ``ORCH_BENCH_ROWS`` and
``ORCH_BENCH_ROUNDS`` say how much, ``ORCH_BENCH_SMALL`` and ``ORCH_BENCH_LARGE`` how big the tables at scale are.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from orchestrator import embedded
from orchestrator.config import Config, TargetConfig
from orchestrator.service import Service
from tests.bench import backfill, copying, linting, load, outright, readers
from tests.bench.scene import ROUNDS, ROWS, Ratio, Table, prepared, taken_back

SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "4GB"}


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
            Table("written").make(link)
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
        with Service(Config(registry_url=url, targets={"default": TargetConfig("default", url)})) as service:
            service.init()
        results = [
            *backfill.all_of_it(url),
            *guards(url),
            *writes(url),
            *load.all_of_it(url),
            *readers.all_of_it(url),
            *linting.all_of_it(),
            *copying.all_of_it(server),
            *outright.all_of_it(server),
            *start_up(url),
        ]
    sys.stdout.write("\n".join(ratio.line() for ratio in results) + "\n")
    machine = {"machine": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()}
    report = {**machine, "rows": ROWS, "ratios": [{"name": r.name, "rounds": r.rounds} for r in results]}
    Path("bench.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
