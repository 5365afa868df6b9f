"""An application of its own process: single-row updates at a steady rate, each latency from when it was due.

Why a process, and why from when it was due: the worker's Python must not delay the clock that judges it, and a client that
waits for its answer before it counts hides exactly the stalls that are looked for.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from dataclasses import dataclass, field

import psycopg

CLIENTS = 2


@dataclass
class Seen:
    """Latencies in seconds, and statements that failed, by SQLSTATE."""

    took: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def main() -> None:
    """``URL SECONDS RATE ROWS KIND``; KIND is ``one`` row a transaction or ``two``, in an order of its own. Prints JSON."""
    url, seconds, rate, rows, kind = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    seen = Seen()
    clients = 1 if kind == "two" else CLIENTS  # two of these would deadlock with each other
    threads = [
        threading.Thread(target=_client, args=(url, seconds, rate / clients, rows, kind, seen, number))
        for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.write(json.dumps({"took": sorted(seen.took), "failed": seen.failed}))


def _client(url: str, seconds: float, rate: float, rows: int, kind: str, seen: Seen, seed: int) -> None:
    chance = random.Random(seed)
    with psycopg.connect(url, autocommit=True, application_name="shop") as link:
        began = time.perf_counter()
        for number in range(int(seconds * rate)):
            due = began + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            try:
                _write(link, chance, rows, kind)
            except psycopg.Error as error:
                seen.failed.append(str(error.sqlstate))
            seen.took.append(time.perf_counter() - due)


def _write(link: psycopg.Connection, chance: random.Random, rows: int, kind: str) -> None:
    statement = "UPDATE orders SET quantity = quantity + 1 WHERE id = %s"
    if kind == "one":
        link.execute(statement, [chance.randint(1, rows)])
        return
    with link.transaction():
        for key in (chance.randint(1, rows), chance.randint(1, rows)):
            link.execute(statement, [key])


if __name__ == "__main__":
    main()
