"""F22: batches hold the fence's row FOR SHARE, and overlapping ones starve whoever waits to bump it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from orchestrator.core.errors import Indeterminate
from orchestrator.dialects.postgres.connection import application_name
from orchestrator.dialects.postgres.target import PostgresTarget
from tests.support.release import Release

LANES = 6
HOLD = 0.05
"""Seconds, less than any lock_timeout, which counts for one lock: the bump waits for each lane in turn, for ever."""


@contextmanager
def overlapping_lanes(url: str, name: str) -> Iterator[list[str]]:
    """Transactions that never leave the fence's row unlocked, until their sessions end; yields how each ended."""
    over, ended = threading.Event(), list[str]()
    begun = threading.Barrier(LANES + 1)

    def lane() -> None:
        try:
            with psycopg.connect(url, autocommit=True, application_name=name) as link:
                begun.wait(10)
                while not over.is_set():
                    link.execute(f"BEGIN; SELECT orch_target.check_fence('change', 1); SELECT pg_sleep({HOLD}); COMMIT")
        except psycopg.Error as error:
            ended.append(error.sqlstate or "lost")

    threads = [threading.Thread(target=lane, daemon=True) for _ in range(LANES)]
    for thread in threads:
        thread.start()
    begun.wait(10)
    try:
        yield ended
    finally:
        over.set()
        for thread in threads:
            thread.join(10)


def test_older_lanes_are_ended_until_the_bump_gets_through(release: Release) -> None:
    target = PostgresTarget("t", release.url)
    target.raise_fence("change", 1, 5)
    with overlapping_lanes(release.url, application_name("change", 1, 3)) as lanes:
        time.sleep(HOLD)
        started = time.monotonic()
        ended = target.raise_fence("change", 2, 10)
        took = time.monotonic() - started
        assert took < 5
        deadline = time.monotonic() + 5
        while len(lanes) < LANES and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(lanes) == LANES
        # Ended (one that sent just then is told nothing), or fenced out where the bump got through by luck.
        assert set(lanes) <= {"57P01", "lost", "OR409"}
    assert set(ended) <= {application_name("change", 1, 3)}
    assert release.rows("SELECT fence FROM orch_target.fence") == [(2,)]


def test_who_may_not_be_ended_is_not_waited_for_beyond_the_patience(release: Release) -> None:
    """A transaction that is not ours holds the row: say so, with the fence as it was."""
    target = PostgresTarget("t", release.url)
    target.raise_fence("change", 1, 5)
    with psycopg.connect(release.url) as stranger:
        stranger.execute("SELECT * FROM orch_target.fence FOR SHARE")
        started = time.monotonic()
        with pytest.raises(Indeterminate, match="could not be raised within 1 s"):
            target.raise_fence("change", 2, 1)
        assert time.monotonic() - started < 4
        stranger.rollback()
    assert release.rows("SELECT fence FROM orch_target.fence") == [(1,)]
    target.raise_fence("change", 2, 5)
