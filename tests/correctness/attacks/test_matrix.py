"""Every kind of write by every version in every state, against a mirror.

The mirror is a dictionary and the few sentences of the design: the side that changed is converted to the other, both given are
both kept, nothing given is nothing touched. ``down`` is lossy in one of the two changes, so an unrelated update that rewrote a
row would show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from state.model import State
from tests.support.changes import Bench, benched

Pair = tuple[str | None, str | None]
Convert = Callable[[str], str]


@dataclass(frozen=True)
class Kind:
    """A change, and what its conversions do."""

    name: str
    operation: str
    up: Convert
    down: Convert
    type: str = "text"


KINDS = (
    Kind("rename", "rename_column: {table: TABLEt, column: a, to: b}", str, str),
    Kind(
        "lossy",
        "change_type: {table: TABLEt, column: a, to: b, type: text, down: 'left(b, 5)'}",
        str,
        lambda b: b[:5],
        "varchar(5)",
    ),
)
STATES = (State.EXPANDED, State.BACKFILLED, State.SWITCHED, State.CONTRACTED)
CELLS = [
    (kind, state, app)
    for kind in KINDS
    for state in STATES
    for app in (("new",) if state is State.CONTRACTED else ("old", "new", "dual"))
]
WORD = "ALEXANDRIA"


@pytest.fixture(scope="module")
def places(prepared: str) -> Iterator[Callable[[Kind, State], tuple[Bench, str]]]:
    """One change per kind and state, made when first asked for; each cell writes in a transaction that is rolled back."""
    made: dict[tuple[str, State], tuple[Bench, str]] = {}
    open_: list[Any] = []

    def place(kind: Kind, state: State) -> tuple[Bench, str]:
        if (kind.name, state) not in made:
            open_.append(benched(prepared))
            bench = open_[-1].__enter__()
            bench.run(f"CREATE TABLE t (id int PRIMARY KEY, a {kind.type}, note int DEFAULT 0)")
            bench.run("INSERT INTO t SELECT i, 'seed' || i FROM generate_series(1, 9) i")
            bench.submit(kind.operation).to(state)
            old = "SELECT attname FROM pg_attribute WHERE attrelid = 't'::regclass AND attname ~ '^(a|_orch_parked.*)$'"
            made[kind.name, state] = (bench, bench.rows(old)[0][0])
        return made[kind.name, state]

    yield place
    for each in open_:
        each.__exit__(None, None, None)


class Writer:
    """One version of the application on one connection, with the mirror of what the table must hold."""

    def __init__(self, kind: Kind, app: str, old: str, link: psycopg.Connection[Any]) -> None:
        self.kind, self.app, self.old, self.link = kind, app, old, link
        self.mirror = self.table()

    def table(self) -> dict[int, tuple[Pair, int]]:
        """What is there."""
        query = f'SELECT id, "{self.old}", b, note FROM t'
        return {id_: ((a, b), note) for id_, a, b, note in self.link.execute(query.encode()).fetchall()}

    def given(self, word: str | None) -> dict[str, str | None]:
        """Columns and values as this version names them; a dual-writer's sides disagree on purpose."""
        if self.app == "old":
            return {"a": None if word is None else self.kind.down(word)}
        if self.app == "new":
            return {"b": word}
        return {"a": None if word is None else word[:4], "b": word}

    def pair(self, word: str | None) -> Pair:
        """Both sides as they must be once this version wrote ``word``."""
        if word is None:
            return (None, None)
        if self.app == "dual":
            return (word[:4], word)
        if self.app == "old":
            return (self.kind.down(word), self.kind.up(self.kind.down(word)))
        return (self.kind.down(word), word)

    def run(self, statement: str, *values: object) -> None:
        self.link.execute(statement.encode(), values)

    def insert(self, ids: list[int], word: str | None, tail: str = "", note: int = 0) -> None:
        given = self.given(word)
        row = f"(%s, {', '.join(['%s'] * len(given))}, {note})"
        values = [value for id_ in ids for value in (id_, *given.values())]
        self.run(f"INSERT INTO t (id, {', '.join(given)}, note) VALUES {', '.join([row] * len(ids))} {tail}", *values)

    def update(self, word: str | None, where: str) -> None:
        given = self.given(word)
        self.run(f"UPDATE t SET {', '.join(f'{name} = %s' for name in given)} WHERE {where}", *given.values())

    def check(self, did: str) -> None:
        assert self.table() == self.mirror, did


def _insert(app: Writer) -> None:
    app.insert([20], WORD)
    app.insert([21], None)
    app.mirror |= {20: (app.pair(WORD), 0), 21: (app.pair(None), 0)}


def _several(app: Writer) -> None:
    app.insert([20, 21, 22], "!" + WORD)
    app.update(WORD, "id BETWEEN 3 AND 21")
    for id_ in (20, 21, 22):
        app.mirror[id_] = (app.pair("!" + WORD), 0)
    for id_ in (*range(3, 10), 20, 21):
        app.mirror[id_] = (app.pair(WORD), 0)


def _update(app: Writer) -> None:
    app.update(WORD, "id = 1")
    app.update("", "id = 2")
    app.mirror |= {1: (app.pair(WORD), 0), 2: (app.pair(""), 0)}


def _update_to_null_and_back(app: Writer) -> None:
    app.update(WORD, "id = 1")
    app.update(None, "id = 1")
    app.mirror[1] = (app.pair(None), 0)
    app.check("null")
    app.update(WORD, "id = 1")
    app.mirror[1] = (app.pair(WORD), 0)


def _upsert(app: Writer) -> None:
    given = app.given(WORD)
    sets = ", ".join(f"{name} = EXCLUDED.{name}" for name in given)
    app.insert([2, 30], WORD, f"ON CONFLICT (id) DO UPDATE SET {sets}")
    app.insert([3, 31], WORD, "ON CONFLICT (id) DO NOTHING")
    app.insert([4, 32], WORD, "ON CONFLICT (id) DO UPDATE SET note = t.note + 1")
    for id_ in (2, 30, 31, 32):
        app.mirror[id_] = (app.pair(WORD), 0)
    app.mirror[4] = (app.mirror[4][0], 1)


def _unrelated(app: Writer) -> None:
    """Rows never touched, rows of this version, and a row whose new value does not survive ``down``."""
    app.insert([20], WORD)
    if app.old == "a":
        app.run("UPDATE t SET b = %s WHERE id = 6", "BARCELONA")
        app.mirror[6] = ((app.kind.down("BARCELONA"), "BARCELONA"), 0)
    app.run("UPDATE t SET note = note + 5")
    app.mirror[20] = (app.pair(WORD), 0)
    app.mirror = {id_: (pair, note + 5) for id_, (pair, note) in app.mirror.items()}


def _the_same_again(app: Writer) -> None:
    app.update(WORD, "id = 1")
    app.update(WORD, "id = 1")
    app.mirror[1] = (app.pair(WORD), 0)


def _key_and_delete(app: Writer) -> None:
    app.run("UPDATE t SET id = id + 100 WHERE id > 5")
    app.run("DELETE FROM t WHERE id < 4")
    app.mirror = {id_ + 100 if id_ > 5 else id_: held for id_, held in app.mirror.items() if id_ > 3}


WRITES = (_insert, _several, _update, _update_to_null_and_back, _upsert, _unrelated, _the_same_again, _key_and_delete)


@pytest.mark.parametrize(
    ("kind", "state", "app"), CELLS, ids=lambda part: part.name if isinstance(part, Kind) else str(part)
)
def test_a_write_leaves_what_the_mirror_says(
    places: Callable[[Kind, State], tuple[Bench, str]], kind: Kind, state: State, app: str
) -> None:
    bench, old = places(kind, state)
    link = bench.connect(autocommit=False)
    for write in WRITES:
        writer = Writer(kind, app, old, link)
        write(writer)
        writer.check(write.__name__)
        link.rollback()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_is_written_while_parked_is_there_after_the_undo(
    places: Callable[[Kind, State], tuple[Bench, str]], prepared: str, kind: Kind
) -> None:
    with benched(prepared) as bench:
        bench.run(
            f"CREATE TABLE t (id int PRIMARY KEY, a {kind.type}, note int DEFAULT 0)",
            "INSERT INTO t VALUES (1, 'seed')",
        )
        change = bench.submit(kind.operation)
        change.to(State.CONTRACTED)
        bench.run("INSERT INTO t (id, b) VALUES (2, 'ALEXANDRIA')", "UPDATE t SET b = 'BARCELONA' WHERE id = 1")
        change.undo()
        assert bench.rows("SELECT a, b FROM t ORDER BY id") == [
            (kind.down("BARCELONA"), "BARCELONA"),
            (kind.down("ALEXANDRIA"), "ALEXANDRIA"),
        ]
        bench.run("UPDATE t SET a = 'x', note = 1 WHERE id = 1")
        assert bench.rows("SELECT b FROM t WHERE id = 1") == [("x",)]
