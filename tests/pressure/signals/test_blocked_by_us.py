"""Who waits for a lock of ours counts; who waits for others, and ours that wait, do not."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from orchestrator.core.throttle import Pressure
from orchestrator.signals.blocked_by_us import BlockedByUs
from tests.chaos.servers import Pair
from tests.pressure.conftest import Looking, On


@contextlib.contextmanager
def _waiting(url: str, holder: str, waiter: str, count: int) -> Iterator[None]:
    """``count`` sessions wait for a row that another one holds."""
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(psycopg.connect(url, application_name=holder))
        first.execute("UPDATE orders SET email = email WHERE id = 1")
        threads = []
        for _ in range(count):
            link = stack.enter_context(psycopg.connect(url, application_name=waiter, autocommit=True))
            threads.append(threading.Thread(target=link.execute, args=("SELECT FROM orders WHERE id = 1 FOR UPDATE",)))
            threads[-1].start()
        yield
        first.rollback()
        for thread in threads:
            thread.join()


def _waits(on: On, count: int) -> None:
    deadline = time.monotonic() + 10
    while on("SELECT count(*) FROM pg_locks WHERE NOT granted") != [(count,)]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _seen(looking: Looking, on: On, url: str, holder: str, waiter: str) -> Pressure:
    with _waiting(url, holder, waiter, 1):
        _waits(on, 1)
        return looking.one(BlockedByUs())


@pytest.mark.parametrize(
    ("holder", "waiter", "counts"),
    [("orch:abc:1:1", "shop", True), ("shop", "shop", False), ("orch:abc:1:1", "orch:abc:1:1", False)],
)
def test_who_counts(looking: Looking, servers: Pair, shop: str, on: On, holder: str, waiter: str, counts: bool) -> None:
    found = _seen(looking, on, servers.primary.url(shop), holder, waiter)
    assert found.detail.startswith("1 sessions wait" if counts else "0 sessions wait")
    assert bool(found.scale) is counts


def test_a_second_is_too_long(looking: Looking, servers: Pair, shop: str, on: On) -> None:
    with _waiting(servers.primary.url(shop), "orch:abc:1:1", "shop", 1):
        _waits(on, 1)
        time.sleep(1.1)
        assert (looking.one(BlockedByUs()).scale or 0) >= 1.0


def test_several_at_once_wait_in_line(looking: Looking, servers: Pair, shop: str, on: On) -> None:
    """Those behind the first wait for it, and for us only through it: a queue counts by who we hold up ourselves."""
    with _waiting(servers.primary.url(shop), "orch:abc:1:1", "shop", 3):
        _waits(on, 3)
        assert looking.one(BlockedByUs()).detail.startswith(("1 sessions", "2 sessions", "3 sessions"))
