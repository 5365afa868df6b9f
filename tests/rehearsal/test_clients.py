"""Clients of a rehearsal, by themselves, on a real server."""

from __future__ import annotations

import time

import psycopg

from orchestrator.rehearsal.clients import Load
from orchestrator.rehearsal.statements import Sent

PATH = '"$user", public'
INSERT = Sent("new", "INSERT", b"INSERT INTO t VALUES (%(number)s)", PATH)
BROKEN = Sent("old", "SELECT", b"SELECT gone FROM t", PATH)


def _count(url: str) -> int:
    with psycopg.connect(url) as link:
        row = link.execute("SELECT count(*) FROM t").fetchone()
        assert row is not None
        return int(row[0])


def test_a_probe_sends_every_statement_and_takes_it_back(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as link:
        link.execute("CREATE TABLE t (id bigint PRIMARY KEY)")
    load = Load(database, [INSERT, BROKEN])
    load.probe("expand")
    assert _count(database) == 0
    assert (load.cells[0, "expand"].sent, load.cells[0, "expand"].failed) == (1, 0)
    assert (load.cells[1, "expand"].sent, load.cells[1, "expand"].failed) == (1, 1)
    assert "42703" in load.cells[1, "expand"].error


def test_only_the_shapes_that_are_let_send_and_none_once_it_returns(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as link:
        link.execute("CREATE TABLE t (id bigint PRIMARY KEY)")
        load = Load(database, [INSERT, BROKEN])
        load.start(2)
        try:
            load.let("backfill", "new")
            time.sleep(0.5)
            load.let("contract")
            sent = _count(database)
            sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'rehearsal:%'"
            time.sleep(0.2)
            assert _count(database) == sent > 5
            assert link.execute(sessions + " AND datname = current_database()").fetchone() == (0,)
        finally:
            load.stop()
    assert {phase for _, phase in load.cells} == {"backfill"}
    assert len(load.samples) == load.cells[0, "backfill"].sent == sent
    assert (1, "backfill") not in load.cells
