"""F24: DDL that waits for a lock makes everybody behind it wait, and DDL whose client stalls holds it for all.

In the field an ALTER waited behind a long reader with the whole application queued behind it, an application transaction was
killed as the victim of a deadlock with it, and a client that stalled between ALTER and COMMIT stopped all readers. The rule: a
lock is waited for 100 ms at most, below deadlock_timeout, then given up visibly and tried again; a step is one simple-protocol
message, begun and ended by the server alone.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from orchestrator.core.catalog import TableName
from orchestrator.core.ports import LockNotGranted, Mark
from orchestrator.core.progress import Progress
from orchestrator.core.step import AddColumn
from orchestrator.dialects.postgres.target import PostgresTarget
from state.model import State
from tests.support.changes import Bench

DEADLOCK_TIMEOUT = 1.0
"""Seconds after which PostgreSQL ends somebody's transaction. Every wait for a step must be over by then, on any machine."""


class Clients:
    """Application sessions that write as fast as they are let, and remember their waits and every failure."""

    def __init__(self, bench: Bench, *statements: str) -> None:
        self._waits: list[float] = []
        self.failures: list[str] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(bench.connect(), each)) for each in statements]

    def _write(self, link: psycopg.Connection[Any], statement: str) -> None:
        while not self._over.wait(0.002):
            started = time.perf_counter()
            try:
                link.execute(statement.encode())
            except psycopg.Error as error:
                self.failures.append(f"{error.sqlstate} {error}")
            self._waits.append(time.perf_counter() - started)

    def longest(self, tries: int) -> float:
        """What each of so many tries made somebody wait at least: a stall of the machine lengthens one wait, not all."""
        return sorted(self._waits)[-tries]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


@pytest.mark.parametrize("hold", ["SELECT count(*) FROM t", "UPDATE t SET n = 0 WHERE id = 99"])
def test_nobody_queues_behind_a_step_that_waits(bench: Bench, hold: str) -> None:
    bench.run(
        "CREATE TABLE t (id int PRIMARY KEY, a text, n int)",
        "INSERT INTO t SELECT i, 'a', 0 FROM generate_series(1, 99) i",
    )
    change = bench.submit("rename_column: {table: TABLEt, column: a, to: b}")
    holder = bench.connect(autocommit=False)
    holder.execute(hold.encode())
    retries: list[str] = []

    def listen(progress: Progress) -> None:
        if progress.kind == "step.retry":
            retries.append(progress.message)
            if len(retries) == 1:
                step = change.service.status(change.id).steps[0]
                assert step.error is not None
                assert "lock timeout" in step.error
            if len(retries) == 3:
                holder.commit()

    with Clients(bench, "SELECT count(*) FROM t", "UPDATE t SET n = n + 1 WHERE id = 1") as clients:
        change.to(State.EXPANDED, listen)
    assert len(retries) >= 3
    assert clients.failures == []
    assert clients.longest(3) < DEADLOCK_TIMEOUT / 2


def test_the_application_is_never_the_victim_of_a_deadlock_with_a_step(bench: Bench) -> None:
    """A foreign key's twin locks two tables; the application takes them the other way round."""
    bench.run(
        "CREATE TABLE p (id int PRIMARY KEY, n int)",
        "INSERT INTO p VALUES (1, 0)",
        "CREATE TABLE t (id int PRIMARY KEY, p int REFERENCES p, n int)",
        "INSERT INTO t VALUES (1, 1, 0)",
    )
    change = bench.submit("rename_column: {table: TABLEt, column: p, to: parent}")
    change.to(State.EXPANDED)
    writer = bench.connect(autocommit=False)
    writer.execute("UPDATE p SET n = 1")
    retries: list[str] = []

    def listen(progress: Progress) -> None:
        if progress.kind == "step.retry":
            retries.append(progress.message)
            writer.execute("UPDATE t SET n = n + 1")
            if len(retries) == 2:
                writer.commit()

    with Clients(bench, "UPDATE t SET n = n + 1 WHERE id = 2") as clients:
        change.to(State.BACKFILLED, listen)
    assert len(retries) >= 2
    assert clients.failures == []
    assert clients.longest(2) < DEADLOCK_TIMEOUT / 2
    assert bench.rows("SELECT n >= 2 FROM t") == [(True,)]


def test_a_batch_that_meets_the_application_the_other_way_round_gives_way(bench: Bench) -> None:
    bench.run(
        "CREATE TABLE t (id int PRIMARY KEY, a text)", "INSERT INTO t SELECT i, 'a' FROM generate_series(1, 50) i"
    )
    change = bench.submit("rename_column: {table: TABLEt, column: a, to: b}")
    change.to(State.EXPANDED)
    writer = bench.connect(autocommit=False)
    writer.execute("UPDATE t SET a = 'w' WHERE id = 50")
    running = threading.Thread(target=change.to, args=(State.BACKFILLED,))
    running.start()
    bench.until_orch_waits()
    started = time.perf_counter()
    writer.execute("UPDATE t SET a = 'w' WHERE id = 1")
    assert time.perf_counter() - started < DEADLOCK_TIMEOUT
    writer.commit()
    running.join(60)
    assert bench.rows("SELECT count(*) FROM t WHERE a = b") == [(50,)]


class Link:
    """A TCP way to the server whose answers can be made to stall after some words were sent."""

    def __init__(self, url: str, words: bytes) -> None:
        query = parse_qs(urlsplit(url).query)
        self._server = f"{query['host'][0]}/.s.PGSQL.{query['port'][0]}"
        self._words = words
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.stalled, self.released = threading.Event(), threading.Event()
        self.url = make_conninfo(
            url, host="127.0.0.1", port=self._listener.getsockname()[1], sslmode="disable", gssencmode="disable"
        )
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                self._ends += [client, server]
                threading.Thread(target=self._pump, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()

    def _pump(self, source: socket.socket, into: socket.socket, to_server: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if to_server and self._words in data:
                    self.stalled.set()
                if self.stalled.is_set() and not to_server:
                    self.released.wait(120)
                into.sendall(data)
            into.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.released.set()
        for end in (self._listener, *self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@pytest.fixture
def stalling(bench: Bench) -> Iterator[Link]:
    """A way on which nothing comes back once an ALTER TABLE was sent."""
    link = Link(bench.url, b"ALTER TABLE")
    yield link
    link.close()


def test_a_client_that_stalls_in_the_middle_of_a_step_holds_no_lock(bench: Bench, stalling: Link) -> None:
    bench.run("CREATE TABLE t (id int PRIMARY KEY, a text)")
    target = PostgresTarget("shop", stalling.url)
    change = bench.schema
    target.raise_fence(change, 1, 5)
    step = AddColumn(TableName(bench.schema, "t"), "b", "text")

    def send() -> None:
        with target.session(change, 1, 1) as session:
            session.apply(step, Mark(change, f"{change}:1", 1, 1, "0" * 64))

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    assert stalling.stalled.wait(60)
    reader = bench.connect(prepare_threshold=None)
    reader.execute("SET statement_timeout = '20s'")  # the way stalls for longer
    deadline = time.monotonic() + 60
    while "b" not in [column.name for column in reader.execute("SELECT * FROM t").description or ()]:
        assert time.monotonic() < deadline
    assert sender.is_alive()
    held = "SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass AND pid <> pg_backend_pid()"
    assert reader.execute(held).fetchone() == (0,)
    marked = f"SELECT done_at IS NOT NULL FROM orch_target.marker WHERE step_id = '{change}:1'"
    assert bench.rows(marked) == [(True,)]
    stalling.released.set()
    sender.join(60)


def test_a_step_that_gives_up_leaves_nothing_behind(bench: Bench) -> None:
    bench.run("CREATE TABLE t (id int PRIMARY KEY, a text)")
    target, change = PostgresTarget("shop", bench.url), bench.schema
    target.raise_fence(change, 1, 5)
    holder = bench.connect(autocommit=False)
    holder.execute("SELECT 1 FROM t")
    with target.session(change, 1, 1) as session:
        started = time.perf_counter()
        with pytest.raises(LockNotGranted):
            session.apply(
                AddColumn(TableName(bench.schema, "t"), "b", "text"), Mark(change, f"{change}:1", 1, 1, "0" * 64)
            )
        assert time.perf_counter() - started < DEADLOCK_TIMEOUT
        held = (
            "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name LIKE 'orch:%'"
            f" AND l.relation = '{bench.schema}.t'::regclass"
        )
        assert bench.rows(held) == [(0,)]
    assert bench.rows(f"SELECT count(*) FROM orch_target.marker WHERE step_id = '{change}:1'") == [(0,)]
