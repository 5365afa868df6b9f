"""Who works counts, without our own; a login that cannot see them cannot tell."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from orchestrator.dialects.postgres.target import PostgresTarget
from orchestrator.signals.active_sessions import ActiveSessions
from tests.chaos.servers import Pair
from tests.pressure.conftest import Looking, On


@contextlib.contextmanager
def _busy(url: str, names: list[str]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        links = [stack.enter_context(psycopg.connect(url, application_name=name)) for name in names]
        threads = [threading.Thread(target=link.execute, args=("SELECT pg_sleep(1)",)) for link in links]
        for thread in threads:
            thread.start()
        time.sleep(0.4)
        yield
        for thread in threads:
            thread.join()


def test_our_own_do_not_count(looking: Looking, servers: Pair, shop: str) -> None:
    signal = ActiveSessions()
    before = looking.one(signal).scale or 0
    with _busy(servers.primary.url(shop), ["shop", "shop", "shop", "orch:abc:1:1", "orch-cli"]):
        found = looking.one(signal)
    assert found.scale == pytest.approx(before + 3 / 25, abs=0.05)
    assert "25 are too many" in found.detail


def test_a_server_that_is_busy_from_the_beginning_bears_more(looking: Looking, servers: Pair, shop: str) -> None:
    signal = ActiveSessions()
    with _busy(servers.primary.url(shop), ["shop"] * 20):
        found = looking.one(signal)
    assert 0.45 <= (found.scale or 0) <= 0.5


def test_who_cannot_see_them_stops(looking: Looking, servers: Pair, shop: str, on: On) -> None:
    on("DROP ROLE IF EXISTS unseeing")
    on("CREATE ROLE unseeing LOGIN")
    url = servers.primary.url(shop).replace("postgres@", "unseeing@")
    with PostgresTarget("shop", url).watching("fill", 1, 1) as watcher, psycopg.connect(servers.primary.url(shop)):
        found = Looking(watcher).one(ActiveSessions())
        assert (found.scale, "GRANT pg_monitor" in found.detail) == (None, True)
        on("GRANT pg_monitor TO unseeing")
    with PostgresTarget("shop", url).watching("fill", 1, 1) as watcher:
        assert Looking(watcher).one(ActiveSessions()).scale is not None
