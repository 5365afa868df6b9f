"""A PostgreSQL server with a streaming standby: it can crash, and it can fail over and lose what the standby never got.

Everybody connects by one URL that names both; libpq finds the one that takes writes, as an application of a real pair does.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from orchestrator import embedded
from orchestrator.embedded import Server, host
from tests.support.server import bin_dir

PATIENCE = 60.0
SETTINGS = {
    "fsync": "off",  # the machine does not crash, only PostgreSQL does
    "synchronous_commit": "off",  # whoever needs durability must ask for it (F12)
    "max_connections": "150",
    "wal_keep_size": "256MB",
    "shared_buffers": "64MB",
    "hot_standby": "on",
    "checkpoint_timeout": "30s",
}


class Pair:
    """A primary and its standby. ``losing`` counts the failovers that lost commits."""

    def __init__(self, first: Server, second: Server) -> None:
        self._primary, self._standby = first, second

    def url(self, database: str, options: str = "") -> str:
        """The URL that reaches whichever of the two takes writes."""
        sockets = ",".join(str(server.socket) for server in sorted((self._primary, self._standby), key=str))
        more = f"&options={quote(options)}" if options else ""
        return (
            f"postgresql://postgres@/{database}?host={quote(sockets, safe='')}&port=5432,5432"
            f"&target_session_attrs=read-write&connect_timeout=5{more}"
        )

    def ask(self, query: str, *values: Any, database: str = "postgres") -> list[tuple[Any, ...]]:
        """All rows of a query to the primary, as superuser."""
        return _ask(self._primary, query, *values, database=database)

    @property
    def primary(self) -> Server:
        """The one that takes writes."""
        return self._primary

    @property
    def standby(self) -> Server:
        """The one that follows."""
        return self._standby

    def crash(self) -> None:
        """Kill every server process of the primary without a checkpoint, and start it again."""
        embedded.restart(self._primary, "immediate")

    def fail_over(self, meanwhile: Callable[[], None]) -> None:
        """Cut the standby off, let ``meanwhile`` happen, kill the primary and promote: what happened meanwhile is lost."""
        _until(self._caught_up, "the standby catches up")
        _ask(self._standby, "ALTER SYSTEM SET primary_conninfo = ''")
        _ask(self._standby, "SELECT pg_reload_conf()")
        _until(lambda: not _ask(self._standby, "SELECT 1 FROM pg_stat_wal_receiver"), "the standby is cut off")
        meanwhile()
        embedded.stop(self._primary, "immediate")
        _ask(self._standby, "SELECT pg_promote(true, 60)")
        self._primary, self._standby = self._standby, self._primary

    def rebuild(self) -> None:
        """Make a new standby where the dead primary was."""
        shutil.rmtree(self._standby.data)
        _copy(self._primary, self._standby)
        embedded.restart(self._standby)

    def _caught_up(self) -> bool:
        query = "SELECT count(*) > 0 FROM pg_stat_replication WHERE replay_lsn >= %s::pg_lsn"
        (here,) = self.ask("SELECT pg_current_wal_insert_lsn()::text")[0]
        self.ask("SELECT pg_switch_wal()")  # what was committed asynchronously goes out, too
        return bool(self.ask(query, here)[0][0])


@contextlib.contextmanager
def pair(home: Path, more: Mapping[str, str] | None = None) -> Iterator[Pair]:
    """A running pair below ``home``, with ``more`` settings; gone afterwards."""
    settings = {**SETTINGS, **(more or {})}

    def start(name: str) -> contextlib.AbstractContextManager[Server]:
        return embedded.running(home / name, settings=settings, bin_dir=bin_dir(), temporary=True)

    with contextlib.ExitStack() as stack:
        first = stack.enter_context(start("a"))
        draft = Server(home / "b", first.socket, first.bin_dir)
        host.make(draft.directory)
        _copy(first, draft)
        yield Pair(first, stack.enter_context(start("b")))


def _copy(source: Server, into: Server) -> None:
    """A base backup that follows ``source``. The directory belongs to root, the data to the server's account."""
    account = host.account_for_server()
    program = str(host.program(source.bin_dir, "pg_basebackup", account))
    into.data.mkdir(0o700)
    host.give(into.data, account)
    options = ["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--wal-method=stream", "--username=postgres"]
    host.run(account, program, f"--pgdata={into.data}", f"--host={source.socket}", *options)


def _ask(server: Server, query: str, *values: Any, database: str = "postgres") -> list[tuple[Any, ...]]:
    with psycopg.connect(server.url(database), autocommit=True) as link:
        found = link.execute(query.encode(), values or None)
        return found.fetchall() if found.description else []


def _until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {PATIENCE:.0f} s until {what}")
        time.sleep(0.02)
