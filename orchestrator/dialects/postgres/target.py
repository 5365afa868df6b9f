"""One target database, by URL: opens sessions, raises the fence that shuts out zombies, tells what is marked as done.

Why it exists: it is the dialect's side of the execution protocol (design §5).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from orchestrator.core.asked import Asked
from orchestrator.core.catalog import Catalog, TableName
from orchestrator.core.errors import Indeterminate, Invalid
from orchestrator.core.exported import Exported
from orchestrator.core.plan import Plan
from orchestrator.core.ports import (
    Fenced,
    LockNotGranted,
    Marks,
    Sql,
    TargetError,
)
from orchestrator.core.reading import Usage
from orchestrator.core.step import Step
from orchestrator.core.view import RunningView
from orchestrator.dialects.postgres import activity, bootstrap, connection, exporting, kinds, parser
from orchestrator.dialects.postgres.errors import translated
from orchestrator.dialects.postgres.session import PostgresSession
from orchestrator.dialects.postgres.snapshot import quoted_name, snapshot
from orchestrator.dialects.postgres.text import fill, literal

_OURS = """
SELECT pid, backend_start, application_name,
       EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.pid = a.pid)
  FROM pg_catalog.pg_stat_activity a
 WHERE a.application_name LIKE %s AND a.datname = pg_catalog.current_database() AND a.usename = session_user
   AND a.pid <> pg_catalog.pg_backend_pid()
   AND CASE WHEN a.application_name ~ '^orch:[0-9a-f]{12}:[0-9]{1,18}:[0-9]+$'
            THEN pg_catalog.split_part(a.application_name, ':', 3)::bigint < %s ELSE false END
"""
"""Anybody may call itself anything: the role is matched, too, and nothing is read as a fence that is no number (F23)."""
BUMP_TIMEOUT = "300ms"
"""Over the whole statement: lock_timeout begins anew with each lane whose end is waited for, and they take turns for ever."""
WATCH_TIMEOUT = "2s"
"""Over each question of a Signal: half of what a reading may be old, so that a slow one is named before all are stale."""
_STANDING = "SELECT fence FROM orch_target.fence WHERE change_id = %s"
_MARKS = """
SELECT step_id, max(fence) FROM orch_target.marker
 WHERE pg_catalog.starts_with(step_id, %s) GROUP BY step_id HAVING pg_catalog.bool_and(done_at IS NOT NULL)
"""
_END = """
SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE pid = %s AND backend_start = %s
"""


class PostgresTarget:
    """One target database, by URL. Holds no connection of its own."""

    def __init__(self, name: str, url: str, replicas: Sequence[str] = (), rehearse_from: int = 0) -> None:
        self.name = name
        self.rehearse_from = rehearse_from
        self._url = url
        self._replicas = {f"{connection.place(url)} ({at})": url for at, url in enumerate(replicas, 1)}

    def bootstrap(self) -> list[str]:
        """Create or update schema ``orch_target``; idempotent. Returns what was done. Raises Invalid."""
        with self._link("orch:init") as link:
            before = link.execute("SELECT pg_catalog.to_regclass('orch_target.marker') IS NOT NULL").fetchone()
            _locked(link)
            try:
                with link.transaction():
                    for statement in bootstrap.STATEMENTS:
                        link.execute(statement.encode())
            except psycopg.errors.InsufficientPrivilege as error:
                raise Invalid(
                    f"target {self.name}: {error.diag.message_primary}",
                    "let a role that may CREATE in this database run orch init",
                ) from None
            finally:
                link.execute("SELECT pg_catalog.pg_advisory_unlock(%s)", (bootstrap.LOCK_KEY,))
        return [] if before and before[0] else [f"created schema orch_target on {self.name}"]

    def lacking(self) -> list[str]:
        """What of schema ``orch_target`` is missing, or is older than this code. Raises TargetError."""
        wanted = (list(bootstrap.FUNCTIONS), list(bootstrap.FUNCTIONS.values()), list(bootstrap.TABLES))
        with self._link("orch:read") as link, translated():
            return [str(name) for (name,) in link.execute(bootstrap.LACKING, wanted).fetchall()]

    def snapshot(self, asked: Asked) -> Catalog:
        """The Catalog a Plan needs."""
        with self._link("orch:plan") as link, translated():
            return snapshot(link, asked)

    def sql(self, step: Step) -> Sql:
        """The Step in SQL, for people."""
        return kinds.shown(step)

    def exported(self, plan: Plan, sha256: str) -> Exported:
        """The Plan for another migration tool. Raises Invalid for what only orch can run."""
        return exporting.exported(plan, sha256)

    def taken(self, names: Sequence[TableName]) -> list[TableName]:
        """Of these names of tables, indexes and the like, those that something bears. Raises TargetError."""
        query = "SELECT pg_catalog.to_regclass(%s) IS NOT NULL"
        with self._link("orch:read") as link, translated():
            spelled = [(each, quoted_name(each)) for each in names]
            return [each for each, text in spelled if link.execute(query, (text,)).fetchone() == (True,)]

    def marks(self, change_id: str) -> Marks:
        """What the Target itself remembers of a Change. Raises TargetError, Invalid without ``orch_target``."""
        with self._link("orch:read") as link, _bootstrapped(), translated():
            fence = link.execute(_STANDING, (change_id,)).fetchone()
            return Marks(fence[0] if fence else 0, dict(link.execute(_MARKS, (f"{change_id}:",)).fetchall()))

    def raise_fence(self, change_id: str, fence: int, patience: float) -> list[str]:
        """Shut out older fences and end their sessions; returns what was ended, for the history.

        Batches hold the row FOR SHARE, and overlapping lanes starve a waiting bump (F22), so it waits BUMP_TIMEOUT at most;
        then the older sessions are ended and it is tried again. Raises Indeterminate after ``patience`` s.
        """
        deadline = time.monotonic() + patience
        ended: list[str] = []
        with self._link(connection.application_name(change_id, fence, 0)) as link, translated():
            while not _bumped(link, change_id, fence):
                ended += _end_older(link, change_id, fence)
                if time.monotonic() > deadline:
                    raise Indeterminate(
                        f"the fence of {change_id} could not be raised within {patience:.0f} s",
                        "look for sessions named orch:… in pg_stat_activity that do not end",
                    )
            ended += _end_older(link, change_id, fence)
            _wait_for_builds(link, change_id, fence)
        return ended

    @contextmanager
    def session(self, change_id: str, fence: int, ordinal: int) -> Iterator[PostgresSession]:
        """A session of ours, closed at the end."""
        with self._link(connection.application_name(change_id, fence, ordinal)) as link:
            yield PostgresSession(link)

    @contextmanager
    def reader(self, captured: Usage | None = None) -> Iterator[PostgresSession]:
        """A session that only reads. ``captured`` are statements in use, where they come from elsewhere."""
        with self._link("orch:read") as link:
            with translated():
                link.execute("SET default_transaction_read_only = on; SET statement_timeout = 0")
            yield PostgresSession(link, self._url, captured)

    @contextmanager
    def watching(self, change_id: str, fence: int, ordinal: int) -> Iterator[PostgresSession]:
        """A session of ours whose every question is answered within WATCH_TIMEOUT, or refused."""
        with self._link(connection.application_name(change_id, fence, ordinal)) as link:
            yield _limited(link)

    @contextmanager
    def overlooking(self) -> Iterator[PostgresSession]:
        """A session that only reads, beside a verification; its questions have the same limit."""
        with self._link("orch:read") as link:
            with translated():
                link.execute("SET default_transaction_read_only = on")
            yield _limited(link)

    def doing(self, changes: Collection[str]) -> list[RunningView]:
        """What our sessions there do now. Raises TargetError, Unreachable."""
        with self._link("orch:read") as link, translated():
            return activity.doing(link, changes)

    @property
    def replicas(self) -> tuple[str, ...]:
        """The configured replicas, by name."""
        return tuple(self._replicas)

    @contextmanager
    def replica(self, name: str) -> Iterator[PostgresSession]:
        """A session that only reads, on a replica. Raises Unreachable."""
        with self._link("orch:read", self._replicas[name]) as link:
            yield _limited(link)

    @contextmanager
    def probing(self, query: str) -> Iterator[Callable[[], None]]:
        """Runs a statement of a person's as the application would, read-only, as often as it is called. Raises TargetError."""
        if not parser.is_one_statement(query):
            raise TargetError("it is not one statement", "42601")
        with self._link("orch:probe") as link, translated():
            link.execute(
                "SET default_transaction_read_only = on; SET search_path TO DEFAULT; SET statement_timeout = '60s'"
            )

            def ask() -> None:
                with translated():
                    link.execute(query.encode()).fetchall()

            yield ask

    @contextmanager
    def _link(self, name: str, url: str | None = None) -> Iterator[psycopg.Connection]:
        link = connection.connect(url or self._url, name)
        try:
            yield link
        finally:
            link.close()


def _limited(link: psycopg.Connection) -> PostgresSession:
    with translated():
        link.execute(fill("SET statement_timeout = {limit}", limit=literal(WATCH_TIMEOUT)))
    return PostgresSession(link)


def _locked(link: psycopg.Connection) -> None:
    """Poll for the bootstrapping lock; a blocking waiter would deadlock with a concurrent index build."""
    for _ in range(600):
        row = link.execute("SELECT pg_catalog.pg_try_advisory_lock(%s)", (bootstrap.LOCK_KEY,)).fetchone()
        if row and row[0]:
            return
        time.sleep(0.1)
    raise Invalid("another orch init has held its lock for a minute", "wait for it, then orch init again")


@contextmanager
def _bootstrapped() -> Iterator[None]:
    try:
        yield
    except TargetError as error:
        if error.sqlstate in ("3F000", "42P01"):
            raise Invalid("the target has no schema orch_target", "orch init") from None
        raise


def _bumped(link: psycopg.Connection, change_id: str, fence: int) -> bool:
    query = (
        "INSERT INTO orch_target.fence AS f (change_id, fence) VALUES (%s, %s)"
        " ON CONFLICT (change_id) DO UPDATE SET fence = excluded.fence WHERE f.fence < excluded.fence RETURNING f.fence"
    )
    try:
        with _bootstrapped(), translated():
            link.execute(fill("SET statement_timeout = {limit}", limit=literal(BUMP_TIMEOUT)))
            row = link.execute(query, (change_id, fence)).fetchone()
            link.execute("SET statement_timeout = '60s'")
    except LockNotGranted:
        return False
    if row is None:
        raise Fenced(f"fence {fence} or a newer one stands on the target already")
    return True


def _older(link: psycopg.Connection, change_id: str, fence: int) -> list[tuple[Any, ...]]:
    prefix = connection.application_name(change_id, 0, 0).rsplit(":", 2)[0]
    return link.execute(_OURS, (f"{prefix}:%", fence)).fetchall()


def _end_older(link: psycopg.Connection, change_id: str, fence: int) -> list[str]:
    """End older sessions but those that build an index, which are adopted. Pid and backend_start are matched."""
    ended = []
    for pid, started, name, building in _older(link, change_id, fence):
        if building:
            continue
        if link.execute(_END, (pid, started)).fetchall():
            ended.append(name)
    return ended


def _wait_for_builds(link: psycopg.Connection, change_id: str, fence: int) -> None:
    """Adopt a concurrent build that outlived its client: wait for it, it ends valid."""
    while any(building for *_, building in _older(link, change_id, fence)):
        time.sleep(0.25)
