"""One target database, as the engine sees it: sessions that send Steps, fences that shut out zombies.

Why it exists: it is the dialect's side of the execution protocol (design §5). A transactional Step goes out as one
simple-protocol message (fence check, DDL, marker, COMMIT), so that a stalled client never holds a lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
from psycopg.sql import Composed

from orchestrator.core.asked import Asked
from orchestrator.core.catalog import Catalog, Dependent, TableName
from orchestrator.core.errors import Indeterminate, Invalid
from orchestrator.core.ports import (
    Cursor,
    Fenced,
    LockNotGranted,
    Mark,
    Marks,
    Observation,
    Seen,
    Sql,
    TargetError,
)
from orchestrator.core.step import Backfill, Step
from orchestrator.dialects.postgres import backfill, bootstrap, connection, kinds, mopping, parser
from orchestrator.dialects.postgres.errors import translated
from orchestrator.dialects.postgres.snapshot import dependents, quoted_name, snapshot
from orchestrator.dialects.postgres.steps._alter import whole_tree
from orchestrator.dialects.postgres.text import fill, joined, literal, raw, search_path

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


class PostgresSession:
    """A connection of ours, named by change, fence and ordinal."""

    def __init__(self, link: psycopg.Connection) -> None:
        self._link = link

    @property
    def version(self) -> int:
        """The server's major version."""
        return self._link.info.server_version // 10000

    def rows(self, query: Any, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query. Raises TargetError."""
        with translated():
            return self._link.execute(query, parameters or None).fetchall()

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of a query written by a person, read-only, names resolved as for the login. Raises TargetError."""
        if not parser.is_one_statement(query):
            raise TargetError("it is not one statement: a second one could end the read-only transaction", "42601")
        with translated(), self._link.transaction(force_rollback=True):
            self._link.execute("SET TRANSACTION READ ONLY")
            self._link.execute("SET LOCAL search_path TO DEFAULT")
            return self._link.execute(query.encode()).fetchall()

    def apply(self, step: Step, mark: Mark) -> None:
        """Send the Step once. Raises TargetError."""
        if (onward := kinds.kind_of(step).onward) is not None:
            self._move_by_move(step, mark, onward)
            if self.observe(step, mark.step_id).seen is Seen.DONE:
                self.remember(mark)
            return
        rendered = kinds.render(step)
        self._prepare(step, rendered.concurrent, rendered.patient)
        if rendered.concurrent:
            self._alone(rendered.forward, mark)
            self._transaction((_mark(mark),), mark)
        else:
            self._transaction((*whole_tree(self._link, step, rendered), *rendered.forward[0], _mark(mark)), mark)

    def undo(self, step: Step, mark: Mark) -> None:
        """Send the Step's undo once; each of its messages is a transaction of its own. Raises TargetError."""
        if (back := kinds.kind_of(step).back) is not None:
            self._move_by_move(step, mark, back)
            self.forget(mark)
            return
        rendered = kinds.render(step)
        self._prepare(step, rendered.concurrent, rendered.patient)
        if rendered.undo_scans is not None:
            with translated():
                self._link.execute("SET statement_timeout = 0")
        if rendered.concurrent:
            self._alone(rendered.undo, mark)
        whole = whole_tree(self._link, step, rendered, "ACCESS EXCLUSIVE")
        for place, message in enumerate(() if rendered.concurrent else rendered.undo):
            self._transaction(message if place == rendered.undo_scans else (*whole, *message), mark)
        self.forget(mark)

    def repair(self, step: Step, mark: Mark) -> None:
        """Remove a partial effect, so that the Step can be applied again."""
        rendered = kinds.render(step)
        if rendered.repair:
            self._prepare(step, rendered.concurrent, rendered.patient)
            self._alone(rendered.repair, mark)

    def remember(self, mark: Mark) -> None:
        """Leave the marker of a Step that was found done. Raises TargetError."""
        self._transaction((_mark(mark),), mark)

    def forget(self, mark: Mark) -> None:
        """Remove the marker of a Step that was found absent. Raises TargetError."""
        self._transaction((_unmark(mark),), mark)

    def observe(self, step: Step, step_id: str) -> Observation:
        """What the catalog shows of the Step."""
        with translated():
            return kinds.observe(self._link, step, step_id)

    def dependents(self, table: TableName) -> tuple[Dependent, ...]:
        """What names the table or one of its columns."""
        with translated():
            return dependents(self._link, table)

    def _move_by_move(self, step: Step, mark: Mark, following: Callable[[kinds.Look, Any], kinds.Move | None]) -> None:
        """Send what the catalog asks for until it asks for nothing; each message proves the fence anew."""
        look = kinds.Look(self._link, mark.step_id)
        while (move := self._asked(look, step, following)) is not None:
            self._prepare(step, move.concurrent)
            if move.concurrent:
                self._alone((move.statements,), mark)
            else:
                self._transaction(move.statements, mark)

    def _asked(
        self, look: kinds.Look, step: Step, following: Callable[[kinds.Look, Any], kinds.Move | None]
    ) -> kinds.Move | None:
        with translated():
            self._link.execute("SET search_path = pg_catalog, pg_temp; SET statement_timeout = '60s'")
            return following(look, step)

    def _prepare(self, step: Step, concurrent: bool, patient: bool = False) -> None:
        """Names in the change's own expressions resolve as they did when they were planned.

        Steps whose lock blocks no application wait for it as long as it takes; a lock_timeout would leave an invalid index.
        So would a server that looks for its client (client_connection_check_interval): a build outlives it, and is adopted.
        """
        limits = "0; SET statement_timeout = 0" if concurrent or patient else "{limit}; SET statement_timeout = '10s'"
        settings = fill("SET lock_timeout = " + limits, limit=literal(connection.LOCK_TIMEOUT))
        if concurrent:
            settings = joined("; ", [settings, raw("SET client_connection_check_interval = 0")])
        with translated():
            self._link.execute(settings)
            self._link.execute(fill("SET {path}", path=search_path(kinds.schema(step))))

    def _alone(self, messages: Sequence[tuple[Composed, ...]], mark: Mark) -> None:
        with translated():
            self._link.execute(_fence(mark))
            for message in messages:
                for statement in message:
                    self._link.execute(statement)

    def _transaction(self, statements: Sequence[Composed], mark: Mark) -> None:
        message = joined("; ", [raw("BEGIN"), _fence(mark), *statements, raw("COMMIT")])
        self._send(message)

    def _send(self, message: Composed) -> psycopg.Cursor[Any]:
        with translated():
            try:
                return self._link.execute(message)
            except psycopg.Error:
                if not self._link.broken:
                    self._link.rollback()
                raise

    def begin_backfill(self, step: Backfill, mark: Mark) -> tuple[Cursor, ...]:
        """Prepare statistics and the lanes; where an earlier attempt stood, if there was one. Raises TargetError."""
        self.join_backfill(step)
        with translated():
            return backfill.begin(self._link, self._send, step, mark)

    def join_backfill(self, step: Backfill) -> None:
        """Prepare a further session to send batches. A batch that a crash takes back takes its cursor along (F12)."""
        with translated():
            self._link.execute(fill(backfill.SETTINGS, path=search_path(step.table.schema)))
            if not step.fire_triggers:
                self._link.execute("SET session_replication_role = replica")

    def batch(self, step: Backfill, mark: Mark, cursor: Cursor, skips: bool = False) -> Cursor:
        """One transaction: rows, cursor and fence check. Raises TargetError."""
        with translated():
            return backfill.batch(self._link, self._send, step, mark, cursor, skips)

    def mop_up(self, step: Backfill, mark: Mark, cursor: Cursor) -> Cursor:
        """One batch of whatever is left anywhere. Raises TargetError."""
        with translated():
            return mopping.mop_up(self._link, self._send, step, mark, cursor)

    def left(self, step: Backfill) -> int:
        """How many rows are still to be filled; reads the whole table. Raises TargetError."""
        with translated():
            return mopping.left(self._link, step)

    def end_backfill(self, step: Backfill, mark: Mark, cursor: Cursor) -> Cursor:
        """Commit the marker's done_at synchronously (F12), and seal the sync under which the rows were filled (F26)."""
        seal = fill("SELECT orch_target.seal_sync({s})", s=literal(step.sync_id))
        lanes = fill("DELETE FROM orch_target.marker WHERE step_id = {s} AND lane > 0", s=literal(mark.step_id))
        self._transaction((fill("RESET synchronous_commit"), fill(connection.DURABLE), lanes, _mark(mark), seal), mark)
        return replace(cursor, done=True, ended=True)

    def estimate(self, step: Backfill) -> int | None:
        """Estimated number of rows."""
        with translated():
            return backfill.estimate(self._link, step)

    def cancel(self) -> None:
        """Cancel what runs, from another thread."""
        self._link.cancel_safe(timeout=5)


def _fence(mark: Mark) -> Composed:
    return fill("SELECT orch_target.check_fence({c}, {f})", c=literal(mark.change_id), f=literal(mark.fence))


def _mark(mark: Mark) -> Composed:
    return fill(
        "SELECT orch_target.mark({s}, {f}, {p})",
        s=literal(mark.step_id),
        f=literal(mark.fence),
        p=literal(mark.plan_sha256),
    )


def _unmark(mark: Mark) -> Composed:
    return fill("DELETE FROM orch_target.marker WHERE step_id = {s}", s=literal(mark.step_id))


class PostgresTarget:
    """One target database, by URL. Holds no connection of its own."""

    def __init__(self, name: str, url: str, replicas: Sequence[str] = ()) -> None:
        self.name = name
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
    def reader(self) -> Iterator[PostgresSession]:
        """A session that only reads."""
        with self._link("orch:read") as link:
            with translated():
                link.execute("SET default_transaction_read_only = on; SET statement_timeout = 0")
            yield PostgresSession(link)

    @contextmanager
    def watching(self, change_id: str, fence: int, ordinal: int) -> Iterator[PostgresSession]:
        """A session of ours whose every question is answered within WATCH_TIMEOUT, or refused."""
        with self._link(connection.application_name(change_id, fence, ordinal)) as link:
            yield _limited(link)

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
