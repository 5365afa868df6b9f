"""A session on the target, as the engine sees it: sends Steps and batches, observes what stands, asks the questions of Checks.

Why it exists: a transactional Step goes out as one simple-protocol message (fence check, DDL, marker, COMMIT), so that a stalled
client never holds a lock (design §5).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import psycopg
from psycopg.sql import Composed

from orchestrator.core.catalog import Dependent, TableName
from orchestrator.core.comparison import Comparison, Part, Standing, Walk
from orchestrator.core.ports import (
    Cursor,
    Mark,
    Observation,
    Seen,
    TargetError,
)
from orchestrator.core.reading import Proof, Rehearsal, Usage
from orchestrator.core.step import Backfill, Step
from orchestrator.dialects.postgres import backfill, batches, connection, kinds, mopping, parser, ranges
from orchestrator.dialects.postgres.errors import translated
from orchestrator.dialects.postgres.proof.rehearse import rehearsed
from orchestrator.dialects.postgres.proof.usage import naming, quiet, usage
from orchestrator.dialects.postgres.snapshot import dependents
from orchestrator.dialects.postgres.steps._alter import whole_tree
from orchestrator.dialects.postgres.text import fill, joined, literal, raw, search_path


class PostgresSession:
    """A connection of ours, named by change, fence and ordinal."""

    def __init__(self, link: psycopg.Connection, url: str = "", captured: Usage | None = None) -> None:
        self._link = link
        self._url = url
        self._captured = captured

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

    def standing(self, comparison: Comparison, syncs: Sequence[str]) -> Standing | None:
        """Where a comparison is made, and under what."""
        with translated():
            return ranges.standing(self._link, comparison, syncs)

    def part(self, comparison: Comparison, standing: Standing, walk: Walk, rows: int | None) -> Part:
        """Ask a comparison of a range."""
        with translated():
            return ranges.part(self._link, comparison, standing, walk, rows)

    def usage(self, tables: Sequence[TableName], asked: Sequence[str]) -> Usage:
        """Statements in use that name one of the tables; ``asked`` are queries of the Change's own, which do not count."""
        with translated():
            if self._captured is not None:
                return naming(self._link, self._captured, tables)
            return usage(self._link, tables, asked)

    def rehearse(self, wanted: Rehearsal) -> Proof:
        """What some Steps would do to statements in use, tried on a clone that holds no data. Raises TargetError."""
        with translated():
            return rehearsed(self._url, wanted, lambda link, step, mark: PostgresSession(link).apply(step, mark))

    def quiet(self, change_id: str, calls: Mapping[str, int]) -> Mapping[str, float]:
        """For how many seconds each statement (by its key) was not seen to be called; remembers what is seen now."""
        with translated():
            return quiet(self._link, change_id, calls)

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
        """Prepare statistics and the lanes; where an earlier attempt stood, if there was one. Raises TargetError.

        Rows that were refused are tried again: whoever begins anew has repaired them, or lifted what refused them.
        """
        self.join_backfill(step)
        with translated():
            if mopping.recorded(self._link, step):
                self._transaction((batches.forgotten(step),), mark)
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

    def refused(self, step: Backfill) -> tuple[int, tuple[str, ...]]:
        """How many rows a constraint or trigger keeps empty, and the first of them: key and SQLSTATE. Raises TargetError."""
        with translated():
            return mopping.refused(self._link, step)

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
