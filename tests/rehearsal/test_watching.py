"""What is measured of locks, against locks whose length is known."""

from __future__ import annotations

import threading
import time

import psycopg

from orchestrator.rehearsal.watching import watching

HELD, MARGIN = 0.4, 0.25
NAME = "orch:0123456789ab:1:7"


def test_a_hold_a_wait_and_a_blocked_client_are_as_long_as_they_were(database: str) -> None:
    """A lock of orch's is held for a known time while a client wants the table; later orch itself waits as long for a client."""
    with psycopg.connect(database, autocommit=True) as link:
        link.execute("CREATE TABLE t (id int); CREATE TABLE u (id int)")
    with (
        psycopg.connect(database, application_name=NAME) as ours,
        psycopg.connect(database, application_name="rehearsal:old") as client,
        watching(database) as watch,
    ):
        time.sleep(0.2)
        began = time.monotonic()
        ours.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        reader = threading.Thread(target=client.execute, args=("SELECT FROM t",))
        reader.start()
        time.sleep(HELD)
        ours.commit()
        reader.join()
        between = time.monotonic()
        client.execute("LOCK TABLE u IN SHARE MODE")
        waiter = threading.Thread(target=ours.execute, args=("LOCK TABLE u IN ROW EXCLUSIVE MODE",))
        waiter.start()
        time.sleep(HELD)
        client.commit()
        waiter.join()
        ours.commit()
        time.sleep(0.2)
        ended = time.monotonic()
    (held,) = [lock for lock in watch.locks(began, between) if lock.table == "public.t"]
    assert held.mode == "AccessExclusiveLock"
    assert HELD <= held.hold_ms / 1000 < HELD + MARGIN
    sessions, longest = watch.stopped(began, between)
    assert (sessions, HELD - 0.1 < longest / 1000 < HELD + MARGIN) == (1, True)
    (waited,) = [lock for lock in watch.locks(between, ended) if lock.table == "public.u"]
    assert HELD - 0.1 < waited.wait_ms / 1000 < HELD + MARGIN
    assert waited.hold_ms / 1000 < MARGIN
    assert 0 < watch.gap(began, ended) < 1000 * MARGIN


def test_locks_of_others_and_of_other_databases_are_not_told(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as link:
        link.execute("CREATE TABLE t (id int)")
    with psycopg.connect(database, application_name="app") as other, watching(database) as watch:
        began = time.monotonic()
        other.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        time.sleep(0.2)
        other.commit()
    assert watch.looks
    assert watch.locks(began, time.monotonic()) == ()
