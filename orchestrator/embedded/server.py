"""Who uses an embedded server: joining, starting for the first, stopping after the last.

Why it exists: several processes share one server, none of them owns it, and each of them may be killed at any time.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.core.errors import Invalid
from orchestrator.embedded import cluster, host, watchdog
from orchestrator.embedded.cluster import Mode, Server


@dataclass(frozen=True)
class _Wanted:
    """How to start a server that is not running."""

    bin_dir: Path
    settings: Mapping[str, str]
    temporary: bool
    account: host.Account | None


@contextlib.contextmanager
def running(
    directory: Path | None = None,
    *,
    settings: Mapping[str, str] | None = None,
    bin_dir: Path | None = None,
    temporary: bool | None = None,
) -> Iterator[Server]:
    """Use the server in ``directory``, starting it when nobody has; without one, a new temporary server.

    ``settings`` (names and values of postgresql.conf) apply when this call starts the server, not when it joins one.
    ``temporary`` data is removed after the last user; the default keeps a given directory. Raises OrchError with the
    end of the server's log when it does not start, Invalid when the directory is closed to the server's account.
    """
    wanted = _Wanted(
        bin_dir=host.binaries(bin_dir),
        settings=settings or {},
        temporary=directory is None if temporary is None else temporary,
        account=host.account_for_server(),
    )
    home = host.temporary_home(wanted.account) if directory is None else directory.absolute()
    with _use(home, wanted) as server:
        yield server


@contextlib.contextmanager
def attach(directory: Path) -> Iterator[Server]:
    """Use a server that another process started. Raises Invalid when none runs in ``directory``."""
    with _use(directory.absolute(), None) as server:
        yield server


def stop(server: Server, mode: Mode = "fast") -> None:
    """Stop the server while its users stay; ``immediate`` loses what was not yet durable, like a crash."""
    with _starting(server):
        cluster.stop(server, mode)


def restart(server: Server, mode: Mode = "fast", settings: Mapping[str, str] | None = None) -> None:
    """Stop, then start at the same socket; new ``settings`` replace the old ones. Also starts a stopped server."""
    with _starting(server):
        cluster.stop(server, mode)
        if settings is not None:
            cluster.configure(server, settings)
        cluster.start(server, host.account_for_server())


def create_database(server: Server, name: str, template: str = "template1") -> str:
    """Create a database and return its URL. Raises psycopg errors, DuplicateDatabase among them."""
    import psycopg
    from psycopg import sql

    command = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(command)
    return server.url(name)


def drop_database(server: Server, name: str) -> None:
    """Drop a database if it exists, ending the sessions in it."""
    import psycopg
    from psycopg import sql

    command = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(command)


@contextlib.contextmanager
def _use(home: Path, wanted: _Wanted | None) -> Iterator[Server]:
    start, users = _join(home, create=wanted is not None)
    try:
        try:
            server = _ensure(home, wanted)
        finally:
            os.close(start)
        yield server
    finally:
        _leave(home, users)


def _ensure(home: Path, wanted: _Wanted | None) -> Server:
    """The running server, else a started one if somebody wants it to be."""
    recorded = cluster.recorded(home)
    if recorded is not None and cluster.listens(recorded.socket):
        _watch(home)
        return recorded
    if wanted is None:
        raise _nothing_runs(home)
    host.refuse_closed(home, wanted.account)
    # Its users keep their URL when a server that somebody stopped is started again.
    kept = recorded.socket if recorded and host.is_private(recorded.socket, wanted.account) else None
    server = Server(home, kept or host.socket_directory(wanted.account), wanted.bin_dir)
    cluster.record(server, wanted.temporary)
    _watch(home)
    if not server.data.exists():
        cluster.initialise(server, wanted.settings, wanted.account)
    cluster.configure(server, wanted.settings)
    cluster.start(server, wanted.account)
    return server


def _nothing_runs(home: Path) -> Invalid:
    return Invalid(f"no embedded PostgreSQL runs in {home}", "start it first, or name the right directory")


def _join(home: Path, *, create: bool) -> tuple[int, int]:
    """The exclusive right to start, and our share in the users lock. Retries while a last user is removing it."""
    while True:
        if create:
            host.make(home)
        elif not (home / watchdog.SPEC).exists():
            raise _nothing_runs(home)
        start = _lock(home / "start.lock", fcntl.LOCK_EX)
        if start is None:
            continue
        users = _lock(home / watchdog.USERS, fcntl.LOCK_SH)
        if users is not None:
            return start, users
        os.close(start)


def _leave(home: Path, users: int) -> None:
    """The last user stops the server itself, so that it is gone when we return."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if watchdog.is_current(users, home / watchdog.USERS):
            watchdog.shut_down(home)
    except BlockingIOError:
        # Returns at once beside other users, and waits when the watchdog came first.
        fcntl.flock(users, fcntl.LOCK_SH)
    finally:
        os.close(users)


@contextlib.contextmanager
def _starting(server: Server) -> Iterator[None]:
    descriptor = _lock(server.directory / "start.lock", fcntl.LOCK_EX)
    if descriptor is None:
        raise _nothing_runs(server.directory)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(path: Path, operation: int) -> int | None:
    """Lock a file; None when it was removed while we waited."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, operation)
        if watchdog.is_current(descriptor, path):
            return descriptor
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _watch(home: Path) -> None:
    """See that a watchdog stands guard; one that is alive holds its lock."""
    script = str(Path(watchdog.__file__).resolve())
    host.run(None, sys.executable, "-I", "-S", script, str(home))
