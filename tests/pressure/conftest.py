"""A server with a streaming standby and an archive, and a backfill that goes on for as long as a test needs it."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from orchestrator import embedded
from orchestrator.config import Config, TargetConfig
from orchestrator.core.catalog import TableName
from orchestrator.core.control import Control
from orchestrator.core.errors import OrchError
from orchestrator.core.ports import Watcher
from orchestrator.core.sight import Latency, Sight, Signal
from orchestrator.core.throttle import Pressure
from orchestrator.dialects.postgres.target import PostgresTarget
from orchestrator.embedded import Server
from orchestrator.service import Service
from state.model import State
from tests.chaos.servers import Pair, pair

MORE = {
    "archive_mode": "on",
    "archive_command": "true",
    "wal_init_zero": "off",
    "wal_retrieve_retry_interval": "200ms",
    "max_wal_size": "4GB",
    "wal_keep_size": "2GB",
    "max_prepared_transactions": "5",
}
_numbers = itertools.count(1)
CHANGE = "fill"
ROWS = 200_000
TABLE = TableName("public", "orders")
FILE = """
change: fill
operations:
  - rename_column: {table: orders, column: email, to: customer_email}
backfill: {batch_rows: 20%s}
readers: {statements: none, reason: the test is about something else}
gates:
  expand: {approvals: 0}
  backfill: {approvals: 0}
"""


@pytest.fixture(scope="session")
def servers() -> Iterator[Pair]:
    home = Path(tempfile.mkdtemp(prefix="orch-pressure-"))
    home.chmod(0o755)
    with pair(home, MORE) as made:
        yield made


class Filling:
    """A backfill that runs in a thread, and what ``orch status --json`` says of it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.ended: OrchError | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.service.advance(CHANGE)
        except OrchError as error:
            self.ended = error

    def now(self) -> dict[str, Any]:
        """The backfill as ``orch status --json`` shows it; empty before it has begun."""
        shown = self.service.status(CHANGE).to_json()["backfills"]
        return dict(shown[0]) if shown else {}

    def until(self, holds: Callable[[dict[str, Any]], bool], seconds: float) -> float:
        """The seconds until it holds. Raises AssertionError, with what is shown instead."""
        began = time.monotonic()
        while not holds(found := self.now()):
            assert self.ended is None, self.ended
            assert time.monotonic() - began < seconds, found
            time.sleep(0.05)
        return time.monotonic() - began

    def until_it_moves(self, seconds: float = 20.0) -> None:
        """Until more rows are done than now, and nothing stands against more."""
        done = self.now().get("rows_done", 0)
        self.until(lambda found: found.get("rows_done", 0) > done and not _stops(found), seconds)

    def until_reason(self, signal: str, effect: str, seconds: float = 5.0) -> dict[str, Any]:
        """Until a signal is given as reason; returns it."""
        self.until(lambda found: bool(_reasons(found, signal, effect)), seconds)
        return _reasons(self.now(), signal, effect)[0]

    def stands_still(self) -> None:
        """Nothing is done while it is stopped."""
        time.sleep(0.7)  # what was reported before the stop is written by now
        before = self.now()
        time.sleep(1.0)
        after = self.now()
        assert before["rows_done"] == after["rows_done"]
        assert (after["eta_seconds"], after["duty"]) == (None, 0.0)
        assert after["eta_note"].startswith("stopped: ")
        assert after["throttle"]

    def end_by_itself(self, seconds: float) -> OrchError | None:
        """What it ends with, within some seconds."""
        self._thread.join(seconds)
        assert not self._thread.is_alive()
        return self.ended

    def end(self) -> OrchError | None:
        """Pause it; it ends within a batch or two."""
        if self._thread.is_alive():
            with contextlib.suppress(OrchError):
                self.service.pause(CHANGE, reason="the test is over")
        self._thread.join(10)
        assert not self._thread.is_alive()
        return self.ended


def _reasons(found: dict[str, Any], signal: str, effect: str) -> list[dict[str, Any]]:
    return [r for r in found.get("reasons", []) if r["signal"] == signal and r["effect"] == effect]


def _stops(found: dict[str, Any]) -> bool:
    return any(reason["effect"] == "stop" for reason in found["reasons"])


Begin = Callable[..., Filling]


@pytest.fixture
def shop(servers: Pair) -> Iterator[str]:
    """The name of a database on the primary with a table to fill."""
    name = f"shop_{next(_numbers)}"
    embedded.create_database(servers.primary, name)
    with psycopg.connect(servers.primary.url(name), autocommit=True) as link:
        link.execute("CREATE TABLE orders (id bigint PRIMARY KEY, email text)")
        link.execute("INSERT INTO orders SELECT n, n || '@example.org' FROM generate_series(1, %s) n", [ROWS])
    yield name
    embedded.drop_database(servers.primary, name)


@pytest.fixture
def begin(servers: Pair, shop: str) -> Iterator[Begin]:
    """Begin a backfill, with more keys for ``backfill:`` and replicas; wait until it moves."""
    with contextlib.ExitStack() as stack:

        def begin(more: str = "", replicas: tuple[str, ...] = ()) -> Filling:
            url = servers.primary.url(shop)
            targets = {"shop": TargetConfig("shop", url, replicas)}
            service = stack.enter_context(Service(Config(registry_url=url, targets=targets)))
            service.init()
            service.submit(FILE % more, "fill.yaml")
            service.advance(CHANGE, through=State.EXPANDED)
            filling = Filling(service)
            stack.callback(filling.end)
            return filling

        yield begin


class Looking:
    """What signals see of the primary, at moments that a test chooses."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher

    def sight(self, now: float = 0.0, *, latency: Latency | None = None, **settings: Any) -> Sight:
        """A sight of now (monotonic, in seconds), under some settings."""
        version = self._watcher.version
        return Sight(self._watcher, TABLE, Control(**settings), CHANGE, version, now, latency=latency)

    def read(self, signal: Signal, now: float = 0.0, **settings: Any) -> list[Pressure]:
        """What a signal shows."""
        return list(signal.read(self.sight(now, **settings)))

    def one(self, signal: Signal, now: float = 0.0, **settings: Any) -> Pressure:
        """The only thing a signal shows."""
        (found,) = self.read(signal, now, **settings)
        return found


@pytest.fixture
def looking(servers: Pair, shop: str) -> Iterator[Looking]:
    """Signals look at the database ``shop``, by a session as the engine has it."""
    target = PostgresTarget("shop", servers.primary.url(shop))
    target.bootstrap()
    with target.watching(CHANGE, 1, 1) as watcher:
        yield Looking(watcher)


@pytest.fixture
def on(servers: Pair) -> Callable[..., list[tuple[Any, ...]]]:
    """Send a statement as superuser to the primary, or to ``server``."""

    def send(statement: str, database: str = "postgres", server: Server | None = None) -> list[tuple[Any, ...]]:
        with psycopg.connect((server or servers.primary).url(database), autocommit=True) as link:
            found = link.execute(statement.encode())
            return found.fetchall() if found.description else []

    return send


On = Callable[..., list[tuple[Any, ...]]]


def write(on: On, size: str) -> None:
    """Write so much WAL (``'x'``, ``repeat('x', 1 << 20)``), and have it written out, which a commit of these servers has not."""
    on(f"SET synchronous_commit = on; SELECT pg_logical_emit_message(true, 'test', {size})")


__all__ = ["Begin", "Filling", "Looking", "On", "write"]
