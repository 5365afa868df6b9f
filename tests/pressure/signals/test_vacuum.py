"""A vacuum of this table reshapes; one of another does nothing."""

from __future__ import annotations

import contextlib
import threading
import time

import psycopg

from orchestrator.core.throttle import Effect
from orchestrator.signals.vacuum import Vacuum
from tests.chaos.servers import Pair
from tests.pressure.conftest import Looking, On


def test_while_it_is_vacuumed(looking: Looking, servers: Pair, shop: str, on: On) -> None:
    assert looking.read(Vacuum()) == []
    on("CREATE TABLE other AS SELECT * FROM orders", shop)
    for table, counts in (("other", False), ("orders", True)):
        on(f"DELETE FROM {table} WHERE id % 2 = 0", shop)
        with psycopg.connect(servers.primary.url(shop), autocommit=True) as link:
            link.execute("SET vacuum_cost_delay = '100ms'; SET vacuum_cost_limit = 1")
            thread = threading.Thread(target=_vacuum, args=(link, table))
            thread.start()
            deadline = time.monotonic() + 20
            while on("SELECT count(*) FROM pg_stat_progress_vacuum WHERE pid = %d" % link.info.backend_pid) != [(1,)]:  # noqa: UP031
                assert time.monotonic() < deadline
                time.sleep(0.02)
            found = [f for f in looking.read(Vacuum()) if str(link.info.backend_pid) in f.detail]
            link.cancel()
            thread.join()
        assert [f.effect for f in found] == [Effect.RESHAPE] * counts


def _vacuum(link: psycopg.Connection, table: str) -> None:
    with contextlib.suppress(psycopg.errors.QueryCanceled):
        link.execute(f"VACUUM {table}".encode())
