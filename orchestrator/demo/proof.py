"""The proof: does the final table hold what the applications, by their own log, last wrote?

Why it exists: a tool that verifies itself can be wrong twice in the same way. This compares two things orch never
touches, the baseline and the log of the application sessions, with one thing everybody sees, the table. It folds
each row's writes in the order of their revisions (see ``applications``), derives both shapes of every fact by the
Field's own mapping, and compares each column that exists: both shapes while both stand, the new one after contract.

Found faults are named per row: a lost write (the table's revision is lower than the log's), a write nobody logged
(a number missing, or higher), a wrong value in either shape, a row gone or come back, and a read that saw something
other than what its revision of the row held. A write of unknown outcome counts as made exactly if the row's numbers
need it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from orchestrator.demo.facts import SIDES, Field, Shapes, Side, Table, Value, after, as_logged
from orchestrator.demo.journal import Entry, baseline, entries

Connection = psycopg.Connection[tuple[Any, ...]]
Facts = Mapping[str, Shapes]


@dataclass(frozen=True, slots=True)
class Report:
    """What the load came to. ``failed``, ``lost`` and ``misread`` hold one sentence each; all three must be empty."""

    attempted: int = 0
    failed: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    reads: int = 0
    misread: list[str] = field(default_factory=list)
    unknown: int = 0
    rows: int = 0
    slowest: float = 0.0
    p99: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether nothing failed, nothing is lost and nothing was read wrongly."""
        return not (self.failed or self.lost or self.misread)

    def lines(self) -> list[str]:
        """The table that people read, then the first faults of each kind."""
        figures = (
            ("writes attempted", f"{self.attempted:,}"),
            ("writes failed", f"{len(self.failed):,}"),
            ("writes lost", f"{len(self.lost):,}"),
            ("outcome unknown", f"{self.unknown:,}"),
            ("reads checked", f"{self.reads:,}"),
            ("reads wrong", f"{len(self.misread):,}"),
            ("rows compared", f"{self.rows:,}"),
            ("99 % of transactions within", f"{self.p99 * 1000:.0f} ms"),
            ("slowest transaction", f"{self.slowest * 1000:.0f} ms"),
        )
        faults = [*self.failed[:5], *self.lost[:5], *self.misread[:5]]
        return [f"{name:<28}{value:>12}" for name, value in figures] + [f"  ! {fault}" for fault in faults]


@dataclass(frozen=True, slots=True)
class _Write:
    kind: str
    values: Facts
    application: str
    certain: bool


@dataclass(slots=True)
class _Row:
    """One row's history: writes by revision, the first being the baseline's or the INSERT's."""

    start: int = 0
    base: Facts | None = None
    writes: dict[int, _Write] = field(default_factory=dict)
    clashes: list[int] = field(default_factory=list)

    def add(self, revision: int, write: _Write) -> None:
        other = self.writes.get(revision)
        if other is not None and other.certain and write.certain:
            self.clashes.append(revision)
        elif other is None or write.certain:
            self.writes[revision] = write

    def settle(self, found: int | None) -> None:
        """Decide the writes of unknown outcome: what the row's numbers do not need was not made."""
        certain = max((number for number, write in self.writes.items() if write.certain), default=self.start)
        for number in sorted(self.writes):
            write = self.writes[number]
            gone = write.kind == "delete" and found is None
            if not write.certain and number > certain and not gone and (found is None or found < number):
                del self.writes[number]

    @property
    def last(self) -> int:
        return max(self.writes, default=self.start)

    @property
    def deleted(self) -> bool:
        return bool(self.writes) and self.writes[self.last].kind == "delete"


def prove(connection: Connection, tables: Sequence[Table], directory: Path, *, unfilled: bool = False) -> Report:
    """Compare every table with baseline and log. ``unfilled``: a new column may still be NULL where nobody wrote."""
    logged = list(entries(directory))
    writes = [entry for entry in logged if entry.kind != "read"]
    lost: list[str] = []
    misread: list[str] = []
    rows = 0
    for table in tables:
        base = _Baseline(table, directory)
        judge = _Judge(connection, table, base, unfilled)
        history = _history(table, base, writes)
        rows += judge.compare(history, lost)
        misread += judge.reads(history, (e for e in logged if e.kind == "read" and e.table == table.name))
    times = sorted(entry.seconds for entry in logged)
    return Report(
        attempted=len(writes),
        failed=[f"{e.application} {e.kind} {e.table}: {e.error}" for e in logged if e.outcome == "failed"],
        lost=lost,
        reads=len(logged) - len(writes),
        misread=misread,
        unknown=sum(entry.outcome == "maybe" for entry in writes),
        rows=rows,
        slowest=times[-1] if times else 0.0,
        p99=times[int(len(times) * 0.99)] if times else 0.0,
    )


def columns_of(connection: Connection, table: Table) -> dict[str, bool]:
    """The table's columns as they are now, and whether each is NOT NULL."""
    rows = connection.execute(
        "SELECT attname, attnotnull FROM pg_attribute "
        "WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        [table.name],
    )
    return {str(name): bool(required) for name, required in rows}


class _Baseline:
    """What one table held at first. Facts are worked out only when asked: most rows are compared and forgotten."""

    def __init__(self, table: Table, directory: Path) -> None:
        names, rows = baseline(directory, table.name)
        self._fields = table.fields
        self._header = [(name, side) for name, side in (entry.rsplit(" ", 1) for entry in names)]
        self.rows = {key: (revision, values) for key, revision, values in rows}

    def facts(self, key: int) -> Facts:
        """The facts of one row, in both shapes."""
        given = {name: {side: value} for (name, side), value in zip(self._header, self.rows[key][1], strict=True)}
        return {f.name: after(f, given.get(f.name)) for f in self._fields}  # type: ignore[arg-type]

    def reader(self, fact: Field, side: Side) -> Callable[[tuple[Value, ...]], Value]:
        """How to find a fact in one shape among the values of a row."""
        for place, (name, stored) in enumerate(self._header):
            if name == fact.name:
                if stored == side or not fact.moves:
                    return itemgetter(place)
                turn = fact.up if side == "new" else fact.down
                return lambda values: turn(values[place])
        absent = after(fact, None)[side]
        return lambda _values: absent


def _history(table: Table, base: _Baseline, writes: Iterable[Entry]) -> dict[int, _Row]:
    """The rows somebody wrote, each with its baseline if it had one."""
    rows: dict[int, _Row] = defaultdict(_Row)
    for entry in writes:
        if entry.table == table.name and entry.outcome != "failed":
            for key, revision in entry.rows:
                write = _Write(entry.kind, entry.values or {}, entry.application, entry.outcome == "committed")
                rows[key].add(revision, write)
    for key in rows.keys() & base.rows.keys():
        rows[key].start, rows[key].base = base.rows[key][0], base.facts(key)
    return dict(rows)


class _Judge:
    """Compares one table, as it is now, with what should be there."""

    def __init__(self, connection: Connection, table: Table, base: _Baseline, unfilled: bool) -> None:
        self._connection, self._table, self._base, self._unfilled = connection, table, base, unfilled
        self._required = columns_of(connection, table)
        self._places = [(f, side) for f in table.fields for side in SIDES if f.column(side) in self._required]
        self._readers = [base.reader(fact, side) for fact, side in self._places]
        seen = {f.name for f, _ in self._places}
        self.missing = [f.name for f in table.fields if f.name not in seen and f.old and f.new]

    def compare(self, history: Mapping[int, _Row], lost: list[str]) -> int:
        """Append what is wrong to ``lost``; returns the number of rows that should be there."""
        name = self._table.name
        lost += [f"{name}: no column holds {fact} any more" for fact in self.missing]
        found = self._now()
        idle = [key for key in self._base.rows if key not in history]
        for key in idle:
            lost += self._untouched(key, found.pop(key, None))
        expected = len(idle)
        for key, row in history.items():
            there = found.pop(key, None)
            row.settle(there[0] if there else None)
            if not row.writes and row.base is None and there is None:
                continue
            expected += not row.deleted
            lost += self._touched(key, row, there)
        lost += [f"{name} {key}: is there, but by the log nobody wrote it" for key in found]
        return expected

    def _now(self) -> dict[int, tuple[Any, ...]]:
        columns = [self._table.key, self._table.revision, *(str(f.column(side)) for f, side in self._places)]
        query = sql.SQL("SELECT {} FROM {}").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(*self._table.name.split("."))
        )
        with self._connection.transaction(), self._connection.cursor(name="proof") as cursor:
            cursor.itersize = 10_000
            cursor.execute(query)
            return {row[0]: tuple(map(as_logged, row[1:])) for row in cursor}

    def _untouched(self, key: int, there: tuple[Any, ...] | None) -> list[str]:
        revision, values = self._base.rows[key]
        if there == (revision, *(reader(values) for reader in self._readers)):
            return []
        who = f"{self._table.name} {key}"
        if there is None:
            return [f"{who}: is gone, but nobody deleted it"]
        faults = list(self._differences(who, self._base.facts(key), there[1:], "the baseline"))
        if there[0] != revision:
            faults.append(f"{who}: is at revision {there[0]}, but by the log nobody wrote it since {revision}")
        return faults

    def _touched(self, key: int, row: _Row, there: tuple[Any, ...] | None) -> Iterator[str]:
        who = f"{self._table.name} {key}"
        if row.deleted:
            if there is not None:
                yield f"{who}: was deleted at revision {row.last}, but is there"
            return
        if there is None:
            yield f"{who}: revision {row.last} is lost, the row is gone"
            return
        yield from (f"{who}: revision {number} was given twice" for number in row.clashes)
        gaps = [number for number in range(row.start + 1, row.last) if number not in row.writes]
        yield from (f"{who}: revision {number} is in no log" for number in gaps)
        if there[0] != row.last:
            fault = "is lost" if there[0] < row.last else f"is not the last: {there[0]} is, which nobody logged"
            yield f"{who}: revision {row.last} {fault}"
        by = row.writes[row.last].application if row.writes else "the baseline"
        yield from self._differences(who, fold(self._table.fields, row), there[1:], by)

    def _differences(self, who: str, facts: Facts, values: tuple[Value, ...], by: str) -> Iterator[str]:
        for (fact, side), value in zip(self._places, values, strict=True):
            wanted = facts[fact.name]
            if not self._fits(fact, side, wanted, value):
                yield f"{who}: {fact.column(side)} is {value!r}, should be {wanted[side]!r} (last by {by})"

    def _fits(self, fact: Field, side: Side, wanted: Shapes, value: Value) -> bool:
        if fact.moves:
            return value == wanted[side] or (self._unfilled and side == "new" and value is None)
        if self._required[str(fact.new)] or not fact.change:
            return value == wanted["new"]
        return value in (wanted["old"], wanted["new"])

    def reads(self, history: Mapping[int, _Row], seen: Iterable[Entry]) -> Iterator[str]:
        """What sessions read and the history cannot explain."""
        fields = {f.name: f for f in self._table.fields}
        at: dict[int, dict[int, Facts]] = {}
        for entry in seen:
            for key, revision in entry.rows:
                if key not in at:
                    at[key] = dict(_unfold(self._table.fields, history.get(key) or self._idle(key)))
                facts = at[key].get(revision)
                if facts is None:
                    yield f"{entry.application} read {self._table.name} {key} at a revision that is in no log"
                else:
                    yield from self._misread(key, entry, facts, fields)

    def _idle(self, key: int) -> _Row:
        return _Row(self._base.rows[key][0], self._base.facts(key)) if key in self._base.rows else _Row()

    def _misread(self, key: int, entry: Entry, facts: Facts, fields: Mapping[str, Field]) -> Iterator[str]:
        for name, shapes in (entry.values or {}).items():
            for side, value in shapes.items():
                wanted = facts[name]
                if value == wanted[side] or (not fields[name].moves and value in wanted.values()):
                    continue
                yield (
                    f"{entry.application} read {fields[name].column(side)} of {self._table.name} {key} as {value!r}, "
                    f"should be {wanted[side]!r}"
                )


def fold(fields: tuple[Field, ...], row: _Row) -> Facts:
    """What the row must hold after all its writes."""
    facts: Facts = row.base or {}
    for _, facts in _unfold(fields, row):  # noqa: B007 - the last one counts
        pass
    return facts


def _unfold(fields: tuple[Field, ...], row: _Row) -> Iterator[tuple[int, Facts]]:
    """What the row held at each revision. Revision 1 is an INSERT: facts left out take their absent value."""
    facts: dict[str, Shapes] = dict(row.base or {})
    if row.base is not None:
        yield row.start, dict(facts)
    for number in sorted(row.writes):
        given = row.writes[number].values
        names = fields if number == 1 or not facts else [f for f in fields if f.name in given]
        facts.update({f.name: after(f, given.get(f.name)) for f in names})
        yield number, dict(facts)
