"""Records what Signals read on a real server through three disturbances: ``python -m tests.pressure.record``.

Why it exists: the laws of the throttle are replayed over readings as servers give them, not as somebody imagined them. The
readings are kept in ``tests/core/traces.json``, one a second, with where they come from.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from orchestrator import embedded
from orchestrator.core.catalog import TableName
from orchestrator.core.control import Control
from orchestrator.core.ports import Watcher
from orchestrator.core.sight import Sight, Signal
from orchestrator.dialects.postgres.target import PostgresTarget
from orchestrator.signals.blocked_by_us import BlockedByUs
from orchestrator.signals.commit_latency import CommitLatency
from orchestrator.signals.replica_lag import ReplicaLag
from tests.chaos.servers import Pair, pair

KEPT = Path(__file__).parent.parent / "core" / "traces.json"
DURABLE = {"fsync": "on", "synchronous_commit": "on", "max_wal_size": "4GB", "wal_keep_size": "2GB"}
SECONDS = 40
TABLE = TableName("public", "orders")

Disturbance = Callable[[int], None]


def main() -> int:
    """Record all three, and keep them."""
    home = Path(tempfile.mkdtemp(prefix="orch-record-"))
    home.chmod(0o755)
    with pair(home, DURABLE) as servers:
        url = embedded.create_database(servers.primary, "shop")
        target = PostgresTarget("shop", url)
        target.bootstrap()
        with psycopg.connect(url, autocommit=True) as link:
            link.execute("CREATE TABLE orders (id bigint PRIMARY KEY, email text) WITH (autovacuum_enabled = off)")
            link.execute("INSERT INTO orders SELECT n, repeat('x', 200) FROM generate_series(1, 1000000) n")
        with target.watching("fill", 1, 1) as watcher:
            traces = {
                "checkpoint": _recorded(watcher, CommitLatency(), _checkpoint(url)),
                "lag": _recorded(watcher, ReplicaLag(), _lag(servers)),
                "storm": _recorded(watcher, BlockedByUs(), _storm(url)),
            }
            version = watcher.version
    origin = f"PostgreSQL {version}, {datetime.now(UTC):%Y-%m-%d}, one reading a second, by tests/pressure/record.py"
    KEPT.write_text(json.dumps({"origin": origin, **traces}, indent=1) + "\n")
    return 0


def _recorded(watcher: Watcher, signal: Signal, disturb: contextlib.AbstractContextManager[Disturbance]) -> list[float]:
    found: list[float] = []
    with disturb as at:
        for second in range(SECONDS):
            began = time.monotonic()
            at(second)
            sight = Sight(watcher, TABLE, Control(), "fill", watcher.version, began)
            found.append(round(max((each.scale or 0.0 for each in signal.read(sight)), default=0.0), 3))
            time.sleep(max(0.0, began + 1 - time.monotonic()))
    return found


@contextlib.contextmanager
def _checkpoint(url: str) -> Iterator[Disturbance]:
    """A million rows are rewritten by others, and checkpointed at the tenth and the twenty-fifth second."""

    def write() -> None:
        with psycopg.connect(url, autocommit=True) as link:
            link.execute("UPDATE orders SET email = repeat('y', 200)")
            link.execute("CHECKPOINT")

    yield lambda second: threading.Thread(target=write, daemon=True).start() if second in (8, 23) else None


@contextlib.contextmanager
def _lag(servers: Pair) -> Iterator[Disturbance]:
    """Somebody writes all the time; from the fifth to the fourteenth second the standby does not replay."""

    def on(server: embedded.Server, statement: str) -> None:
        with psycopg.connect(server.url(), autocommit=True) as link:
            link.execute(statement.encode())

    def at(second: int) -> None:
        on(servers.primary, "SELECT pg_logical_emit_message(true, 'record', repeat('x', 1 << 20))")
        if second in (5, 14):
            on(servers.standby, f"SELECT pg_wal_replay_{'pause' if second == 5 else 'resume'}()")

    yield at


@contextlib.contextmanager
def _storm(url: str) -> Iterator[Disturbance]:
    """From the third second on our batches hold some rows for as long as half a second, and eight sessions want them."""
    over = threading.Event()

    def ours() -> None:
        with psycopg.connect(url, application_name="orch:0123456789ab:1:1") as link:
            while not over.wait(0.3):
                link.execute("UPDATE orders SET email = email WHERE id <= 20")
                time.sleep(0.5)
                link.commit()

    def theirs(number: int) -> None:
        with psycopg.connect(url, application_name="shop", autocommit=True) as link:
            while not over.wait(0.2 + number / 20):
                link.execute("UPDATE orders SET email = email WHERE id = %s", [number + 1])

    writers: list[Any] = [
        threading.Thread(target=ours),
        *(threading.Thread(target=theirs, args=(n,)) for n in range(8)),
    ]

    def at(second: int) -> None:
        if second == 3:
            for writer in writers:
                writer.start()
        if second == 25:
            over.set()

    yield at
    for writer in writers:
        writer.join()


if __name__ == "__main__":
    sys.exit(main())
