"""Two real sessions block each other: who is seen, and who may be ended."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest

from orchestrator.config import Config, TargetConfig
from orchestrator.core.errors import Blocked, Invalid, Stale
from orchestrator.core.locks import LockSession, TargetLocks
from orchestrator.service import Service
from tests.conftest import Connect
from tests.service.world import World

OURS = "orch:" + "de8b3fdfd4f1" + ":7:2"


def _locks(service: Service, waiting: int = 1) -> TargetLocks:
    for _ in range(200):
        (seen,) = service.locks()
        assert not seen.trouble
        if len(seen.waiting) >= waiting:
            return seen
        threading.Event().wait(0.02)
    raise AssertionError("nobody ever waited")


class Blocking:
    """A session that sleeps in its transaction on ``orders``, and one that wants the table."""

    def __init__(self, connect: Connect, wanted: str = "LOCK TABLE orders", **options: str) -> None:
        self.holder = connect(autocommit=False, application_name="batch_job")
        self.holder.execute("SELECT 'a secret', count(*) FROM orders")
        self.waiter = connect(**options)
        self.failed: psycopg.Error | None = None
        self.thread = threading.Thread(target=self._want, args=(wanted,))
        self.thread.start()

    def _want(self, wanted: str) -> None:
        try:
            with self.waiter.transaction():
                self.waiter.execute(wanted.encode())
        except psycopg.Error as error:
            self.failed = error

    def over(self) -> None:
        self.holder.close()
        self.thread.join(20)
        assert not self.thread.is_alive()
        self.waiter.close()


@pytest.fixture
def blocking(world: World, connect: Connect) -> Iterator[Blocking]:
    """On the orders of the world."""
    blocking = Blocking(lambda **options: psycopg.connect(world.url, **{"autocommit": True, **options}))
    yield blocking
    blocking.over()


def _of(world: World, blocking: Blocking) -> tuple[TargetLocks, LockSession]:
    seen = _locks(world.service)
    holder = seen.session(blocking.holder.info.backend_pid)
    assert holder is not None
    return seen, holder


def test_who_blocks_whom_with_what_is_seen(world: World, blocking: Blocking) -> None:
    seen, holder = _of(world, blocking)
    (wait,) = seen.waits
    assert (wait.waiter, wait.blocker) == (blocking.waiter.info.backend_pid, blocking.holder.info.backend_pid)
    assert (wait.mode, wait.what, wait.held) == ("AccessExclusiveLock", "public.orders", "AccessShareLock")
    assert (holder.application, holder.state, holder.ours) == ("batch_job", "idle in transaction", False)
    assert holder.statement == "SELECT '…', count(*) FROM orders"
    assert [(node.session.pid, node.depth) for node in seen.tree()] == [(wait.blocker, 0), (wait.waiter, 1)]


def test_ours_are_known_by_the_name_of_their_change(world: World) -> None:
    from orchestrator.dialects.postgres.connection import application_name

    world.submit("add_column: {table: orders, column: extra, type: text}")
    name = application_name("change", 7, 2)
    blocking = Blocking(
        lambda **given: psycopg.connect(world.url, **{"autocommit": True, **given}), application_name=name
    )
    try:
        seen, holder = _of(world, blocking)
        assert [(each.change, each.ours) for each in seen.sessions if each.pid != holder.pid] == [("change", True)]
        assert seen.blocks_ours(holder.pid)
        assert seen.of_change("change").waits == seen.waits
    finally:
        blocking.over()


def test_a_sleeping_blocker_is_ended_and_the_history_says_who_did_it(world: World, blocking: Blocking) -> None:
    seen, holder = _of(world, blocking)
    assert holder.started is not None
    said = world.service.cancel(seen.target, holder.pid, holder.started, active=False, reason="it sleeps")
    assert "it was ended; 1 waited for it" in said
    blocking.thread.join(20)
    assert blocking.failed is None
    event = world.service.events()[-1]
    assert (event.kind, event.change_id, event.data["reason"]) == ("session.cancelled", "", "it sleeps")
    assert (event.data["pid"], event.data["how"], event.data["application"]) == (holder.pid, "terminate", "batch_job")
    assert event.data["blocks"] == [blocking.waiter.info.backend_pid]
    assert world.service.audit_verify() == []


def test_a_statement_is_cancelled_and_its_session_lives_on(world: World) -> None:
    with psycopg.connect(world.url, autocommit=True) as holder, psycopg.connect(world.url, autocommit=True) as waiter:

        def hold() -> None:
            with pytest.raises(psycopg.errors.QueryCanceled):
                holder.execute("SELECT count(*), pg_sleep(60) FROM orders")

        holding = threading.Thread(target=hold)
        holding.start()
        world.until(
            "SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND wait_event = 'PgSleep'"
        )
        wanting = threading.Thread(target=lambda: waiter.execute("ALTER TABLE orders ADD COLUMN b int"))
        wanting.start()
        seen = _locks(world.service)
        session = seen.session(holder.info.backend_pid)
        assert session is not None
        assert session.started is not None
        said = world.service.cancel(seen.target, session.pid, session.started, active=True, reason="it is long")
        assert "its statement was cancelled" in said
        holding.join(20)
        wanting.join(20)
        assert holder.execute("SELECT 1").fetchone() == (1,)


def test_a_pid_that_is_somebody_else_by_now_is_left_alone(world: World, blocking: Blocking) -> None:
    seen, holder = _of(world, blocking)
    with pytest.raises(Stale, match="is gone; nothing was done"):
        world.service.cancel(seen.target, holder.pid, datetime(2020, 1, 1, tzinfo=UTC), active=False, reason="x")
    assert holder.started is not None
    with pytest.raises(Stale, match="is idle by now"):
        world.service.cancel(seen.target, holder.pid, holder.started, active=True, reason="x")
    assert all(event.kind != "session.cancelled" for event in world.service.events())
    assert blocking.thread.is_alive()


def test_whoever_blocks_nobody_and_whoever_is_ours_is_left_alone(world: World, blocking: Blocking) -> None:
    seen, holder = _of(world, blocking)
    waiter = seen.session(blocking.waiter.info.backend_pid)
    assert waiter is not None
    assert waiter.started is not None
    with pytest.raises(Blocked, match="nobody waits for backend"):
        world.service.cancel(seen.target, waiter.pid, waiter.started, active=True, reason="x")
    with pytest.raises(Invalid, match="needs a reason"):
        world.service.cancel(seen.target, holder.pid, waiter.started, active=False, reason=" ")
    with psycopg.connect(world.url, application_name=OURS) as ours:
        row = ours.execute("SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()").fetchone()
        assert row is not None
        with pytest.raises(Blocked, match="orch's own"):
            world.service.cancel(seen.target, *row, active=False, reason="x")


def test_a_target_that_cannot_be_read_says_so_and_hides_no_other(world: World) -> None:
    url = world.url
    targets = {"shop": TargetConfig("shop", url), "lost": TargetConfig("lost", "postgresql://nobody@127.0.0.1:1/none")}
    with Service(Config(url, targets)) as service:
        good, lost = service.locks()
    assert (good.target, good.trouble) == ("shop", "")
    assert "unreachable" in lost.trouble
    assert replace(lost, trouble="") == TargetLocks("lost")
