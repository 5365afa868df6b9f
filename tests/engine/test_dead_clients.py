"""What the server goes on doing for a client that was killed: a build is adopted, everything else is ended first.

Each client here is a process of its own that dies by SIGKILL in the middle of a statement.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from orchestrator.dialects.postgres.connection import application_name
from orchestrator.dialects.postgres.target import PostgresTarget
from state.model import State, StepStatus
from tests.service.world import World

ROOT = Path(__file__).parents[2]
ADVANCE = """
import sys
from orchestrator.config import Config, TargetConfig
from orchestrator.service import Service
url = sys.argv[1]
with Service(Config(registry_url=url, targets={"shop": TargetConfig("shop", url)}), lease_seconds=1.5) as service:
    service.advance("change")
"""
ALTER = """
import sys
import psycopg
url, name, statement = sys.argv[1:]
with psycopg.connect(url, autocommit=True, application_name=name) as link:
    link.execute(statement)
"""
INDEX = "add_index: {table: orders, columns: [email], name: by_email}"
OID = "SELECT c.oid, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname = 'by_email'"
BUILDING = "SELECT pid FROM pg_stat_progress_create_index WHERE datname = current_database()"


def _until(world: World, query: str, wanted: Callable[[list[tuple[object, ...]]], object] = bool) -> None:
    deadline = time.monotonic() + 30
    while not wanted(rows := world.rows(query)):
        assert time.monotonic() < deadline, (query, rows)
        time.sleep(0.02)


@contextmanager
def _client(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", *arguments], cwd=ROOT, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def _writer(world: World) -> Iterator[psycopg.Connection]:
    """An open transaction of the application, for which concurrent builds wait."""
    with psycopg.connect(world.url) as link:
        link.execute("UPDATE orders SET ticket = 0 WHERE id = 1")
        yield link
        link.rollback()


def _approved(world: World) -> None:
    gate = world.service.status("change").gate
    if gate is not None and any(need.kind == "approval" for need in gate.missing):
        world.service.approve("change")


def _lease_over(world: World) -> None:
    _until(
        world,
        "SELECT 1 FROM orch.lease WHERE owner IS NOT NULL AND expires_at > clock_timestamp()",
        lambda rows: not rows,
    )


def test_a_build_that_outlived_its_client_is_adopted_not_built_twice(world: World) -> None:
    world.submit(INDEX)
    _approved(world)
    with _writer(world) as writer:
        with _client(ADVANCE, world.url) as client:
            _until(world, BUILDING)
            _until(world, OID)
            os.kill(client.pid, signal.SIGKILL)
            assert client.wait(10) == -signal.SIGKILL
        ((oid, valid),) = world.rows(OID)
        assert valid is False
        _lease_over(world)
        builders = world.rows(BUILDING)
        successor = threading.Thread(target=lambda: world.step(), daemon=True)
        successor.start()
        _until(world, "SELECT 1 FROM orch_target.fence WHERE fence = 2")
        time.sleep(1.0)
        assert successor.is_alive()
        assert world.rows(BUILDING) == builders != []
        writer.rollback()
        successor.join(30)
    assert not successor.is_alive()
    assert world.rows(OID) == [(oid, True)]
    assert [step.status for step in world.service.status("change").steps] == [StepStatus.DONE]
    assert world.to(State.COMPLETED).state is State.COMPLETED
    assert world.rows(OID) == [(oid, True)]
    assert world.service.audit_verify() == []


def test_a_drop_that_was_broken_off_is_finished_by_the_next_abort(world: World) -> None:
    """DROP INDEX CONCURRENTLY whose client dies is ended; it leaves an invalid index, and can be sent again."""
    before = world.seen()
    world.submit("rename_column: {table: orders, column: note, to: remark}", INDEX)  # undone from the last on
    world.to(State.EXPANDED)
    world.service.abort("change", reason="a test says so")
    dropping = (
        "SELECT pid FROM pg_stat_activity WHERE query LIKE 'DROP INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'"
    )
    with _writer(world) as writer:
        writer.execute("SELECT * FROM orders WHERE email = 'x'")
        with _client(ADVANCE, world.url) as client:
            _until(world, dropping)
            _until(world, OID, lambda rows: rows and rows[0][1] is False)
            os.kill(client.pid, signal.SIGKILL)
            client.wait(10)
        _lease_over(world)
        assert world.rows(dropping)
        successor = threading.Thread(target=lambda: world.service.advance("change"), daemon=True)
        successor.start()
        _until(world, "SELECT count(*) FROM orch_target.fence WHERE fence = 3", lambda rows: rows == [(1,)])
        writer.rollback()
        successor.join(30)
    assert world.service.status("change").state is State.ABORTED
    assert world.seen() == before


@pytest.mark.parametrize(
    "statement", ["ALTER TABLE orders ADD zombie int", "ALTER TABLE orders VALIDATE CONSTRAINT quantity_is_positive"]
)
def test_a_queued_statement_of_a_dead_client_is_ended_before_anything_else(world: World, statement: str) -> None:
    """It would stand in everybody's way until whoever it waits for is done, and then take effect."""
    target = PostgresTarget("shop", world.url)
    target.raise_fence("change", 1, 5)
    name = application_name("change", 1, 2)
    queued = f"SELECT pid FROM pg_stat_activity WHERE application_name = '{name}' AND wait_event_type = 'Lock'"
    with psycopg.connect(world.url) as holder:
        holder.execute("LOCK TABLE orders IN SHARE UPDATE EXCLUSIVE MODE")
        with _client(ALTER, world.url, name, statement) as client:
            _until(world, queued)
            os.kill(client.pid, signal.SIGKILL)
            client.wait(10)
        time.sleep(0.3)
        assert world.rows(queued)
        assert target.raise_fence("change", 2, 5) == [name]
        _until(world, queued, lambda rows: not rows)
        with psycopg.connect(world.url, autocommit=True) as reader:
            reader.execute("SET lock_timeout = '2s'")
            assert reader.execute("SELECT count(*) FROM orders").fetchone() == (300,)
    assert world.rows("SELECT 1 FROM pg_attribute WHERE attname = 'zombie'") == []


def test_no_advisory_lock_is_ever_waited_for() -> None:
    """A blocking waiter deadlocks with a concurrent build (design §5): only the polling form may be sent."""
    sources = {path: path.read_text() for room in ("orchestrator", "state") for path in (ROOT / room).rglob("*.py")}
    users = {path.name: text for path, text in sources.items() if "advisory" in text}
    assert users, "nothing locks any more: this test says nothing"
    for file, text in users.items():
        asked = [
            part.split("(")[0] for part in text.replace("pg_catalog.", "").split("pg_")[1:] if "advisory" in part[:30]
        ]
        assert [word for word in asked if not word.startswith("try_advisory") and word != "advisory_unlock"] == [], file
