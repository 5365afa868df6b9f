"""Old, new and dual-writing versions of an application that never stop, and what they say they did.

Why it exists: "old and new versions keep running" is the promise; this is the load that holds orch to it. Every
session inserts, updates (one fact, several, one row, many), upserts, deletes and reads with explicit column lists,
at a gentle rate. Any error a session sees is a failed write.

Who wrote last: every table under load has a ``revision`` column, the optimistic-lock counter that many applications
have anyway. A writer sets ``revision = revision + 1`` in the very UPDATE and takes it back by RETURNING, so the row
lock itself numbers the writes of a row 1, 2, 3 … without gaps, whichever version or session wrote. The log of a
row, sorted by that number, *is* its history: a missing number is a write that nobody logged, a lower number in the
table is a lost write. An INSERT has number 1, a DELETE takes the number after the last; a deleted key is never used
again. Rows may therefore be shared by all sessions, which is where old and new versions meet.

When the new version may use the new shape: it writes new columns from state ``expanded`` on and reads them when
``orch_target.reads_new(change)`` says so, asked in the transaction of the write itself. ``drop_old`` is the
redeployment before contract: when it returns, no session uses the old shape of that Change.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Protocol, Self

import psycopg
from psycopg import sql

from orchestrator.demo.facts import SIDES, Field, Shapes, Side, Stage, Table, Version, Writes, as_logged, read, written
from orchestrator.demo.journal import BaselineRow, Entry, Journal, Kind, Outcome, write_baseline
from orchestrator.demo.proof import Report, columns_of, prove
from state.model import State

Connection = psycopg.Connection[tuple[Any, ...]]

NEW_SHAPE_STANDS = frozenset(State) - {State.PLANNED, State.EXPANDING, State.ABORTING, State.ABORTED}
"""States in which a new version may write the new columns: they stand, and are kept in sync."""
VERSIONS = (
    Version("old", "shop@1.{}", Writes.OLD, 2),
    Version("new", "shop@2.{}", Writes.NEW, 2),
    Version("dual", "shop@dual", Writes.BOTH, 1),
)


class Stages(Protocol):
    """Where a session learns what a Change permits it."""

    def look(self, connection: Connection, changes: Sequence[str]) -> Mapping[str, Stage]:
        """The Stage of each Change, asked inside the caller's transaction."""


class FromRegistry:
    """Asks the Registry for the state and the Target for its read switch; both live in the shop's database."""

    _QUERY = "SELECT id, state::text, orch_target.reads_new(id) FROM orch.change WHERE id = ANY(%s)"

    def look(self, connection: Connection, changes: Sequence[str]) -> Mapping[str, Stage]:
        """The Stage of each submitted Change."""
        rows = connection.execute(self._QUERY, [list(changes)]).fetchall()
        return {change: Stage(state in NEW_SHAPE_STANDS, bool(reads)) for change, state, reads in rows}


class ByHand:
    """Stages that a test sets itself, where no Registry exists."""

    def __init__(self) -> None:
        self._stages: dict[str, Stage] = {}

    def set(self, change: str, *, writes_new: bool, reads_new: bool = False) -> None:
        """Permit or forbid the new shape from the next transaction on."""
        self._stages[change] = Stage(writes_new, reads_new)

    def look(self, connection: Connection, changes: Sequence[str]) -> Mapping[str, Stage]:
        """What was set."""
        return dict(self._stages)


@dataclass(frozen=True, slots=True)
class Counters:
    """Running totals, for people who watch."""

    attempted: int
    failed: int
    reads: int


@dataclass(frozen=True, slots=True)
class _Statement:
    kind: Kind
    query: sql.Composed
    parameters: list[object]
    values: Mapping[str, Shapes]


class _Pool:
    """What the sessions share: keys born here, changes whose old shape is gone, the number of redeployments."""

    def __init__(self, tables: Iterable[Table]) -> None:
        self.born: dict[str, deque[int]] = {table.name: deque(maxlen=400) for table in tables}
        self.dropped: frozenset[str] = frozenset()
        self.deployments = 0


class _Session(threading.Thread):
    """One session of one version: a loop of small transactions. ``turn`` is held while one is under way."""

    def __init__(self, load: Load, version: Version, number: int) -> None:
        super().__init__(name=f"{version.name}-{number}", daemon=True)
        self.turn = threading.Lock()
        self.stopped = threading.Event()
        self.attempted = self.failed = self.reads = 0
        self.version = version
        self._load = load
        self._random = Random(f"{load.seed} {self.name}")  # noqa: S311 - sample data
        self._journal = Journal(load.directory, self.name)
        self._connection: Connection | None = None

    @property
    def application(self) -> str:
        """The application_name of this session now."""
        redeployed = self._load.pool.deployments if self.version.writes is Writes.OLD else 0
        return self.version.application.format(redeployed)

    def run(self) -> None:
        """Work until stopped."""
        while not self.stopped.wait(self._load.pause * self._random.uniform(0.5, 1.5)):
            with self.turn:
                if not self.stopped.is_set():
                    self._transact()
        self.hang_up()
        self._journal.close()

    def hang_up(self) -> None:
        """Close the connection, as a redeployment does. Hold ``turn``, or be the session itself."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _transact(self) -> None:
        table = self._random.choices(self._load.tables, weights=self._load.weights)[0]
        kind: Kind = "read" if self._random.random() < self._load.read_share else "update"
        began = time.monotonic()
        try:
            connection = self._open()
            stages = self._stages(connection)
            statement = self._read(table, stages) if kind == "read" else self._write(table, stages)
            kind = statement.kind
            rows = connection.execute(statement.query, statement.parameters).fetchall()
        except psycopg.Error as error:
            self._note(Entry(kind, "failed", self.application, table.name, error=_words(error)), began)
            self._give_up()
            return
        self._finish(connection, table, statement, rows, began)

    def _finish(
        self, connection: Connection, table: Table, statement: _Statement, rows: list[tuple[Any, ...]], began: float
    ) -> None:
        outcome, error = _commit(connection)
        entry = Entry(statement.kind, outcome, self.application, table.name, error=error)
        if outcome == "failed":
            self._note(entry, began)
            self._give_up()
            return
        if statement.kind == "read":
            self._note_read(entry, statement, rows, began)
            return
        keys = tuple((int(row[0]), int(row[1])) for row in rows)
        self._note(replace(entry, rows=keys, values=statement.values), began)
        if statement.kind == "insert" and outcome == "committed":
            self._load.pool.born[table.name].extend(key for key, _ in keys if key not in table.upserts)

    def _note_read(self, entry: Entry, statement: _Statement, rows: list[tuple[Any, ...]], began: float) -> None:
        places = [(name, side) for name, shapes in statement.values.items() for side in shapes]
        for key, revision, *found in rows:
            values: dict[str, Shapes] = {
                name: {side: as_logged(value)} for (name, side), value in zip(places, found, strict=True)
            }
            self._note(replace(entry, rows=((key, revision),), values=values), began)

    def _note(self, entry: Entry, began: float) -> None:
        self._journal.append(replace(entry, seconds=time.monotonic() - began, at=time.time()))
        self.reads += entry.kind == "read"
        self.attempted += entry.kind != "read"
        self.failed += entry.outcome == "failed"

    def _open(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._load.url, application_name=self.application)
        return self._connection

    def _give_up(self) -> None:
        connection = self._connection
        if connection is None:
            return
        try:
            connection.rollback()
        except psycopg.Error:
            self.hang_up()

    def _stages(self, connection: Connection) -> Mapping[str, Stage]:
        if self.version.writes is Writes.OLD or not self._load.changes:
            return {}
        return self._load.stages.look(connection, self._load.changes)

    def _sides(self, field: Field, stages: Mapping[str, Stage]) -> tuple[Side, ...]:
        return written(field, self.version.writes, _stage(field, stages), dropped=self._is_dropped(field))

    def _is_dropped(self, field: Field) -> bool:
        return field.change in self._load.pool.dropped

    def _value(self, field: Field, sides: tuple[Side, ...]) -> dict[Side, object]:
        """What this version means, spelled in the shapes it writes. A dual writer means one thing in both."""
        old_first = sides[0] == "old"
        value = (field.make if old_first or field.make_new is None else field.make_new)(self._random)
        if sides == SIDES:
            return {"old": value, "new": field.up(value)}  # type: ignore[arg-type]
        return {sides[0]: value}

    def _given(self, fields: Iterable[Field], stages: Mapping[str, Stage]) -> dict[Field, dict[Side, object]]:
        spelled = ((field, self._sides(field, stages)) for field in fields)
        return {field: self._value(field, sides) for field, sides in spelled if sides}

    def _read(self, table: Table, stages: Mapping[str, Stage]) -> _Statement:
        found = [
            (field, side)
            for field in table.fields
            if (side := read(field, self.version.writes, _stage(field, stages), dropped=self._is_dropped(field)))
        ]
        columns = [table.key, table.revision, *(str(field.column(side)) for field, side in found)]
        query = sql.SQL("SELECT {} FROM {} WHERE {} = ANY(%s)").format(
            _list(columns), _name(table), sql.Identifier(table.key)
        )
        return _Statement("read", query, [self._keys(table, 3)], {field.name: {side: None} for field, side in found})

    def _write(self, table: Table, stages: Mapping[str, Stage]) -> _Statement:
        action = self._random.choices(("insert", "one", "some", "many", "upsert", "delete"), (20, 35, 20, 5, 10, 10))[0]
        if action == "delete" and table.deletes and (victim := self._victim(table)):
            return _delete(table, victim)
        if action in ("insert", "upsert"):
            given = self._given((f for f in table.fields if self._random.random() >= f.omit), stages)
            return _insert(table, given, self._random.choice(table.upserts) if action == "upsert" else None)
        movable = [field for field in table.fields if field.updates and self._sides(field, stages)]
        picked = self._random.sample(movable, min(len(movable), 1 if action == "one" else 3))
        keys = self._keys(table, 5 if action == "many" else 1)
        return _update(table, self._given(picked, stages), keys)

    def _keys(self, table: Table, count: int) -> list[int]:
        pools = [pool for pool in (self._load.ids[table.name], list(self._load.pool.born[table.name])) if pool]
        return [self._random.choice(self._random.choice([*pools, list(table.upserts)])) for _ in range(count)]

    def _victim(self, table: Table) -> int | None:
        try:
            return self._load.pool.born[table.name].popleft()
        except IndexError:
            return None


class Load:
    """The versions at work on some tables of one database. A context manager: leaving it stops every session.

    ``directory`` receives the independent log; ``pause`` is the mean rest of a session between two transactions.
    """

    def __init__(
        self,
        url: str,
        tables: Sequence[Table],
        *,
        versions: Sequence[Version] = VERSIONS,
        stages: Stages | None = None,
        directory: Path | None = None,
        pause: float = 0.02,
        weights: Sequence[int] | None = None,
        read_share: float = 0.3,
        seed: int = 1,
    ) -> None:
        self.url, self.tables, self.pause, self.read_share, self.seed = url, tuple(tables), pause, read_share, seed
        self.weights = list(weights or [1] * len(self.tables))
        self.stages: Stages = stages or FromRegistry()
        self.changes = sorted({f.change for t in self.tables for f in t.fields if f.change})
        self.pool = _Pool(self.tables)
        self.ids: dict[str, Sequence[int]] = {}
        self._scratch = TemporaryDirectory(prefix="orch-log-") if directory is None else None
        self.directory = directory or Path(self._scratch.name if self._scratch else "")
        self._versions = versions
        self._sessions: list[_Session] = []

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        with psycopg.connect(self.url) as connection:
            for table in self.tables:
                self.ids[table.name] = table.ids if table.ids is not None else _first_keys(connection, table)
                _take_baseline(connection, table, self.directory)
        for version in self._versions:
            self.start(version)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._scratch is not None:
            self._scratch.cleanup()

    def start(self, version: Version) -> None:
        """Start the sessions of one more version."""
        first = len(self._sessions)
        fresh = [_Session(self, version, first + number) for number in range(version.sessions)]
        self._sessions += fresh
        for session in fresh:
            session.start()

    def retire(self, version: str) -> None:
        """Stop every session of that version for good; returns when none is left."""
        leaving = [session for session in self._sessions if session.version.name == version]
        for session in leaving:
            session.stopped.set()
        for session in leaving:
            session.join()

    def drop_old(self, change: str) -> None:
        """Redeploy: from now on nobody uses the old shape of that Change. In force when this returns."""
        self._redeploy(self.pool.dropped | {change})

    def bring_back(self, change: str) -> None:
        """Roll the applications back, so that old versions use the old shape of that Change again."""
        self._redeploy(self.pool.dropped - {change})

    def _redeploy(self, dropped: frozenset[str]) -> None:
        if dropped == self.pool.dropped:
            return
        self.pool.dropped = dropped
        self.pool.deployments += 1
        for session in self._sessions:
            with session.turn:
                if session.version.writes is not Writes.NEW:
                    session.hang_up()

    @property
    def counters(self) -> Counters:
        """What happened so far."""
        every = self._sessions
        return Counters(sum(s.attempted for s in every), sum(s.failed for s in every), sum(s.reads for s in every))

    def stop(self) -> None:
        """Stop every session."""
        for name in {session.version.name for session in self._sessions}:
            self.retire(name)

    def finish(self, *, unfilled: bool = False) -> Report:
        """Stop, and compare the tables with the log. ``unfilled``: rows without a backfill yet are no fault."""
        self.stop()
        with psycopg.connect(self.url) as connection:
            return prove(connection, self.tables, self.directory, unfilled=unfilled)


def prepare(connection: Connection, table: Table) -> None:
    """Give a table the counter column that the log needs. Do it before the Change is planned."""
    connection.execute(
        sql.SQL("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} integer NOT NULL DEFAULT 1").format(
            _name(table), sql.Identifier(table.revision)
        )
    )


def _stage(field: Field, stages: Mapping[str, Stage]) -> Stage:
    return stages.get(field.change or "", Stage())


def _words(error: psycopg.Error) -> str:
    return f"{error.sqlstate or 'connection'}: {str(error).strip().splitlines()[0] if str(error) else repr(error)}"


def _commit(connection: Connection) -> tuple[Outcome, str | None]:
    """Commit. Only a connection lost on the way leaves the outcome unknown; an error of the server is a refusal."""
    try:
        connection.commit()
    except psycopg.Error as error:
        return ("maybe" if connection.closed else "failed"), _words(error)
    return "committed", None


def _name(table: Table) -> sql.Identifier:
    return sql.Identifier(*table.name.split("."))


def _list(columns: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(column) for column in columns)


def _flat(given: Mapping[Field, Mapping[Side, object]]) -> list[tuple[str, object]]:
    return [(str(field.column(side)), value) for field, values in given.items() for side, value in values.items()]


def _meant(given: Mapping[Field, Mapping[Side, object]]) -> dict[str, Shapes]:
    return {f.name: {side: as_logged(value) for side, value in values.items()} for f, values in given.items()}


def _returning(table: Table) -> sql.Composed:
    return sql.SQL(" RETURNING {0}.{1}, {0}.{2}").format(
        sql.Identifier(table.name.split(".")[-1]), sql.Identifier(table.key), sql.Identifier(table.revision)
    )


def _next_revision(table: Table) -> sql.Composed:
    bare = sql.Identifier(table.name.split(".")[-1], table.revision)
    return sql.SQL("{} = {} + 1").format(sql.Identifier(table.revision), bare)


def _delete(table: Table, key: int) -> _Statement:
    """The deletion is the write after the last, hence ``revision + 1``."""
    query = sql.SQL("DELETE FROM {} WHERE {} = %s RETURNING {}, {} + 1").format(
        _name(table), sql.Identifier(table.key), sql.Identifier(table.key), sql.Identifier(table.revision)
    )
    return _Statement("delete", query, [key], {})


def _insert(table: Table, given: Mapping[Field, Mapping[Side, object]], key: int | None) -> _Statement:
    """An INSERT, or with a key an upsert: revision 1 in the answer then tells that it inserted."""
    flat = _flat(given)
    columns = [name for name, _ in flat]
    named = ([table.key] if key is not None else []) + columns
    query = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        _name(table), _list(named), sql.SQL(", ").join([sql.Placeholder()] * len(named))
    )
    if key is not None:
        sets = [sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in columns]
        query += sql.SQL(" ON CONFLICT ({}) DO UPDATE SET {}").format(
            sql.Identifier(table.key), sql.SQL(", ").join([*sets, _next_revision(table)])
        )
    keyed: list[object] = [key] if key is not None else []
    return _Statement("insert", query + _returning(table), keyed + [value for _, value in flat], _meant(given))


def _update(table: Table, given: Mapping[Field, Mapping[Side, object]], keys: list[int]) -> _Statement:
    """An UPDATE; several rows are locked in order first, as a careful application does, so that none deadlocks."""
    flat = _flat(given)
    sets = [sql.SQL("{} = %s").format(sql.Identifier(name)) for name, _ in flat]
    key = sql.Identifier(table.key)
    query = sql.SQL("UPDATE {} SET {} ").format(_name(table), sql.SQL(", ").join([*sets, _next_revision(table)]))
    values = [value for _, value in flat]
    if len(keys) == 1:
        query += sql.SQL("WHERE {} = %s").format(key)
        return _Statement("update", query + _returning(table), [*values, keys[0]], _meant(given))
    bare = sql.Identifier(table.name.split(".")[-1], table.key)
    query += sql.SQL(
        "FROM (SELECT {0} AS locked FROM {1} WHERE {0} = ANY(%s) ORDER BY {0} FOR NO KEY UPDATE) AS mine "
        "WHERE {2} = mine.locked"
    ).format(key, _name(table), bare)
    return _Statement("update", query + _returning(table), [*values, sorted(set(keys))], _meant(given))


def _first_keys(connection: Connection, table: Table) -> Sequence[int]:
    query = sql.SQL("SELECT {0} FROM {1} ORDER BY {0} LIMIT 2000").format(sql.Identifier(table.key), _name(table))
    return [row[0] for row in connection.execute(query)]


def _take_baseline(connection: Connection, table: Table, directory: Path) -> None:
    """Log what is there before anybody writes; a fact is read in the old shape if that still exists."""
    there = columns_of(connection, table)
    found = [
        (field, side, column)
        for field in table.fields
        for side, column in (("old", field.old), ("new", field.new))
        if column in there
    ]
    first = {field.name: (side, column) for field, side, column in reversed(found)}
    query = sql.SQL("SELECT {} FROM {}").format(
        _list([table.key, table.revision, *(str(column) for _, column in first.values())]), _name(table)
    )
    header = [f"{name} {side}" for name, (side, _) in first.items()]
    with connection.cursor(name="baseline") as cursor:
        cursor.itersize = 10_000
        cursor.execute(query)
        rows: Iterable[BaselineRow] = ((row[0], row[1], tuple(map(as_logged, row[2:]))) for row in cursor)
        write_baseline(directory, table.name, header, rows)
