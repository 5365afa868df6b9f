"""What a statement does on a live server: the lock on a table, whether its file changed, whether it was read."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

WORDS = {
    "": "",
    "AccessShare": "ACCESS SHARE",
    "RowShare": "ROW SHARE",
    "RowExclusive": "ROW EXCLUSIVE",
    "ShareUpdateExclusive": "SHARE UPDATE EXCLUSIVE",
    "Share": "SHARE",
    "ShareRowExclusive": "SHARE ROW EXCLUSIVE",
    "Exclusive": "EXCLUSIVE",
    "AccessExclusive": "ACCESS EXCLUSIVE",
}
"""pg_locks.mode without its ``Lock`` → as documentation writes it, from weak to strong."""


@dataclass(frozen=True)
class Seen:
    """``locks`` are the strongest on each table asked about."""

    locks: dict[str, str]
    rewrites: bool
    scans: bool
    state: str = ""


def observe(link: psycopg.Connection[Any], statement: str, tables: tuple[str, ...]) -> Seen:
    """Run it in a transaction, look, and undo it. The connection is in autocommit."""
    oids = {name: _oid(link, name) for name in tables}
    main = oids[tables[0]]
    link.execute("BEGIN")
    try:
        before, scans = _file(link, main), _scans(link, main)
        link.execute(statement.encode())
        after = _file(link, main)
        return Seen(
            {name: _strongest(link, oid) for name, oid in oids.items()},
            after is not None and after != before,
            _scans(link, main) > scans,
        )
    except psycopg.Error as error:
        return Seen({}, False, False, error.sqlstate or "?")
    finally:
        link.execute("ROLLBACK")


def observe_alone(link: psycopg.Connection[Any], other: psycopg.Connection[Any], statement: str, table: str) -> Seen:
    """For statements that no transaction takes: the lock they ask for while somebody else holds
    one that all of theirs conflict with, and reading does not."""
    link.execute("BEGIN")
    link.execute(sql.SQL("LOCK TABLE {} IN SHARE UPDATE EXCLUSIVE MODE").format(sql.Identifier(table)))
    state: list[str] = []

    def run() -> None:
        try:
            other.execute(statement.encode())
        except psycopg.Error as error:
            state.append(error.sqlstate or "?")

    thread = threading.Thread(target=run)
    thread.start()
    try:
        lock = ""
        for _ in range(2000):
            lock = _asked(link, other.info.backend_pid, table)
            if lock or not thread.is_alive():
                break
            time.sleep(0.001)
    finally:
        if thread.is_alive():
            link.execute("SELECT pg_cancel_backend(%s)", [other.info.backend_pid])
        thread.join()
        link.execute("ROLLBACK")
    refused = [each for each in state if each != "57014"]
    return Seen({table: lock}, False, False, refused[0] if refused else "")


def _oid(link: psycopg.Connection[Any], name: str) -> int:
    row = link.execute("SELECT %s::regclass::oid", [name]).fetchone()
    assert row is not None
    return int(row[0])


def _file(link: psycopg.Connection[Any], oid: int) -> int | None:
    row = link.execute("SELECT pg_relation_filenode(%s::oid)", [oid]).fetchone()
    return None if row is None else row[0]


def _scans(link: psycopg.Connection[Any], oid: int) -> int:
    row = link.execute("SELECT pg_stat_get_xact_numscans(%s)", [oid]).fetchone()
    assert row is not None
    return int(row[0])


def _strongest(link: psycopg.Connection[Any], oid: int) -> str:
    rows = link.execute(
        "SELECT mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation = %s AND granted",
        [oid],
    ).fetchall()
    return WORDS[max((row[0].removesuffix("Lock") for row in rows), key=list(WORDS).index, default="")]


def _asked(link: psycopg.Connection[Any], pid: int, table: str) -> str:
    rows = link.execute(
        "SELECT mode FROM pg_locks WHERE pid = %s AND relation = %s::regclass AND NOT granted", [pid, table]
    ).fetchall()
    return WORDS[rows[0][0].removesuffix("Lock")] if rows else ""
