"""What an application feels of a backfill: interleaved pairs of the same load, without one and with one at full work.

Bars: p99 at most the greater of 1.3 times and 5 ms more, p99.9 at most twice; no statement of the application that writes two
rows in any order is ended by a deadlock or a lock timeout.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg

from tests.bench.scene import ROWS, Ratio, Table, prepared, taken_back

PAIRS = int(os.environ.get("ORCH_BENCH_PAIRS", "5"))
SECONDS = float(os.environ.get("ORCH_BENCH_SECONDS", "10"))
RATE = 400.0


@dataclass(frozen=True)
class Felt:
    """Seconds at two percentiles, and what failed."""

    p99: float
    p999: float
    failed: tuple[str, ...]


def all_of_it(url: str) -> Iterator[Ratio]:
    """Latency of single-row updates, and failures of two-row ones."""
    pairs = [_pair(url, f"bench-load-{number}", "one") for number in range(PAIRS)]
    yield Ratio("p99 of an application's updates under a backfill", "× without (bar: 1.3)", _over(pairs, "p99"))
    added = tuple(1000 * (busy.p99 - quiet.p99) for quiet, busy in pairs)
    yield Ratio("… ms more", "(bar: 5, where the ratio is missed)", added)
    yield Ratio("p99.9", "× without (bar: 2)", _over(pairs, "p999"))
    _, busy = _pair(url, "bench-two-rows", "two")
    ended = float(len(busy.failed))
    yield Ratio("two-row updates ended by a deadlock or a lock timeout", "statements (bar: 0)", (ended,))


def _over(pairs: list[tuple[Felt, Felt]], name: str) -> tuple[float, ...]:
    return tuple(getattr(busy, name) / getattr(quiet, name) for quiet, busy in pairs)


def _pair(url: str, change: str, kind: str) -> tuple[Felt, Felt]:
    with psycopg.connect(url, autocommit=True) as link:
        Table("loaded", rows=5 * ROWS).make(link)
    fill = prepared(url, change)
    quiet = _felt(url, kind, lambda: None)
    busy = _felt(url, kind, fill)
    taken_back(url, change)
    return quiet, busy


def _felt(url: str, kind: str, beside: Callable[[], None]) -> Felt:
    """The application's latencies while something runs beside it, for as long as that lasts, SECONDS at the most."""
    command = [sys.executable, "-m", "tests.bench.client", url, str(SECONDS), str(RATE), str(5 * ROWS), kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
        work = threading.Thread(target=beside)
        work.start()
        told, _ = client.communicate()
        work.join()
    seen = json.loads(told)
    return Felt(_at(seen["took"], 0.99), _at(seen["took"], 0.999), tuple(seen["failed"]))


def _at(took: list[float], share: float) -> float:
    return took[math.ceil(share * len(took)) - 1]
