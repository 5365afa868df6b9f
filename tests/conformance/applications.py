"""The applications of a walk: sessions of the old, the new and a dual-writing version, which never see an error.

Why it exists: every kind of statement an application may send is sent through every shape, at every rest of the change
and while it moves. Each write is repeated on the oracle (``mirror``) before its transaction commits.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import psycopg
from psycopg import sql

from tests.conformance.example import Fact
from tests.conformance.mirror import Link, Mirror, Row, columns, insertion, listed, sets
from tests.conformance.scene import Scene, Side

VERSIONS = ("old", "new", "dual")
_UNIQUE = """
SELECT EXISTS (
    SELECT FROM pg_index i
     WHERE i.indrelid = to_regclass(quote_ident(%s)) AND i.indisunique AND i.indpred IS NULL
       AND i.indnkeyatts = cardinality(%s::text[])
       AND ARRAY(SELECT a.attname::text FROM pg_attribute a
                  WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[])) @> %s::text[])
"""


@dataclass
class Shared:
    """What all sessions share. ``permitted`` says through which shapes a version writes now."""

    scene: Scene
    urls: Mapping[str, str]
    permitted: dict[str, tuple[Side, ...]] = field(default_factory=dict)
    synced: bool = True
    unfilled: bool = False
    lossy: bool = False
    failures: list[str] = field(default_factory=list)
    statements: itertools.count[int] = field(default_factory=itertools.count)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1001))
    seeded: list[int] = field(default_factory=list)
    born: list[int] = field(default_factory=list)

    def connect(self, which: str) -> Link:
        """A session on the database under test (``app``) or on a twin, seeing the scene's schema first."""
        link = psycopg.connect(self.urls[which], autocommit=True, application_name=f"conformance {which}")
        self.look(link, ())
        return link

    def look(self, link: Link, sides: Sequence[Side]) -> None:
        """Where a version that writes these shapes finds its tables: a new one looks into its views first, if it has any."""
        views = [self.scene.example.views] if self.scene.example.views and "new" in sides else []
        link.execute(
            "SELECT set_config('search_path', %s, false)", [listed([*views, self.scene.schema]).as_string(link)]
        )


class Session:
    """One session of one version."""

    def __init__(self, shared: Shared, version: str, seed: int) -> None:
        self._shared, self._version = shared, version
        self._random = Random(f"{version} {seed}")
        self._app = shared.connect("app")
        self._links: dict[Side, Link] = {"old": shared.connect("old"), "new": shared.connect("new")}
        self._mirror = Mirror(shared.scene, self._links)
        self._upsert_on = self._conflict_target()

    def close(self) -> None:
        """Hang up."""
        for link in (self._app, *self._links.values()):
            link.close()

    def renew(self) -> None:
        """Connect again, as a version that is deployed anew."""
        self._app.close()
        self._app = self._shared.connect("app")

    @property
    def sides(self) -> tuple[Side, ...]:
        """The shapes this version writes now, as far as they have a table."""
        return tuple(side for side in self._shared.permitted[self._version] if side in self._mirror.tables)

    def kinds(self) -> list[Callable[[], None]]:
        """One statement of every kind."""
        facts = self._shared.scene.example.facts
        each: list[Callable[[], None]] = [
            self._insert,
            self._insert_many,
            self._copy,
            self._others,
            self._read,
            self._delete,
        ]
        each += [self._move, self._insert_little] if self._upsert_on else [self._insert_little]
        each += [self._upsert, self._upsert] if self._upsert_on else []
        for fact in facts:
            each += [self._of(self._update, fact), self._of(self._same, fact)]
            each += [] if fact.unique else [self._of(self._update_many, fact)]
        return each

    def round(self) -> None:
        """One statement of every kind."""
        for kind in self.kinds():
            self._attempt(kind)

    def any(self) -> None:
        """One statement of any kind."""
        self._attempt(self._random.choice(self.kinds()))

    def _attempt(self, kind: Callable[[], None]) -> None:
        if not self.sides:
            return
        try:
            self._shared.look(self._app, self.sides)
            with self._app.transaction():
                kind()
        except (psycopg.Error, KeyError) as error:
            self._shared.failures.append(f"{self._version} {self.sides} {getattr(kind, '__name__', kind)}: {error!r}")
        next(self._shared.statements)

    @staticmethod
    def _of(kind: Callable[[Fact], None], fact: Fact) -> Callable[[], None]:
        def run() -> None:
            kind(fact)

        run.__name__ = kind.__name__
        return run

    # What is written

    def _texts(self, side: Side, fact: Fact, *, inserts: bool) -> dict[str, str | None]:
        """Values for a fact. An INSERT through the new shape gives something: NULL there means "left out"."""
        lossy = fact.lossy if side == "new" and self._shared.lossy and self._random.random() < 0.5 else {}
        chosen = {}
        for name, values in {**columns(fact, side), **lossy}.items():
            asked = (
                [v for v in values if v != "NULL"] if side == "new" and (inserts or self._shared.unfilled) else values
            )
            chosen[name] = self._random.choice(asked)
        return self._evaluated(side, chosen)

    def _evaluated(self, side: Side, chosen: Mapping[str, str]) -> dict[str, str | None]:
        if not chosen:
            return {}
        fresh = {name: text.replace("{n}", str(next(self._shared.numbers))) for name, text in chosen.items()}
        return self._mirror.evaluated(side, fresh)

    def _other_texts(self) -> dict[str, str | None]:
        others = self._shared.scene.example.others
        side: Side = "old" if "old" in self._mirror.tables else "new"
        return self._evaluated(side, {name: self._random.choice(values) for name, values in others.items()})

    def _row(self, *, little: bool = False) -> Row:
        """A new row. A dual writer means one thing in both shapes, so its new values follow from the old ones."""
        side = self.sides[0]
        given: dict[str, str | None] = {}
        for fact in self._shared.scene.example.facts:
            if side == "old" and not fact.old:
                continue
            if fact.unique or not (little and self._may_be_left_out(side, columns(fact, side))):
                given |= self._texts((self._sides_of(fact) or (side,))[0], fact, inserts=True)
        others = self._other_texts()
        if little:
            others = {name: text for name, text in others.items() if not self._may_be_left_out(side, [name])}
        return Row(next(self._shared.ids), {side: given}, others)

    def _may_be_left_out(self, side: Side, names: Iterable[str]) -> bool:
        """Whether an INSERT may leave columns out; through the new shape only what the old twin can do without, too."""
        if side == "new" and not self._shared.synced:
            return False
        twins = tuple(self._mirror.tables) if side == "new" else (side,)
        needed = {name for twin in twins for name in self._required(twin) - self._mirror.defaults[twin]}
        return needed.isdisjoint(names)

    def _required(self, side: Side) -> frozenset[str]:
        rows = self._links[side].execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(quote_ident(%s)) AND attidentity = ''"
            " AND (attnotnull OR EXISTS (SELECT FROM pg_attrdef d WHERE d.adrelid = attrelid AND d.adnum = attnum))",
            [self._mirror.tables[side]],
        )
        return frozenset(row[0] for row in rows)

    # How it is written

    def _send(self, rows: Sequence[Row], write: Callable[[list[dict[str, str | None]]], object]) -> None:
        """Insert rows into the database under test by ``write``, and repeat that on the oracle."""
        both = len(self.sides) == 2
        meant = [self._both(row) for row in rows] if both else list(rows)
        write([self._line(row) for row in meant])
        if not both:
            for row in meant:
                self._mirror.insert(row, synced=self._shared.synced)
        self._shared.born += [row.id for row in meant]

    def _both(self, row: Row) -> Row:
        """What a dual writer puts into both shapes: the oracle works the new values out of the old ones."""
        self._mirror.insert(row, synced=True)
        names = [name for fact in self._shared.scene.example.facts for name in fact.new]
        new = self._mirror.read("new", names, [row.id])[row.id] if names else ()
        return Row(row.id, {**row.given, "new": dict(zip(names, new, strict=True))}, row.others)

    def _line(self, row: Row) -> dict[str, str | None]:
        scene = self._shared.scene
        line: dict[str, str | None] = {scene.example.key: str(row.id), **scene.key_values(row.id), **row.others}
        for given in row.given.values():
            line |= given
        return line

    @property
    def _table(self) -> str:
        return self._mirror.tables[self.sides[0]]

    def _insert(self) -> None:
        self._send([self._row()], lambda rows: self._app.execute(insertion(self._table, rows)))

    def _insert_little(self) -> None:
        self._send([self._row(little=True)], lambda rows: self._app.execute(insertion(self._table, rows)))

    def _insert_many(self) -> None:
        self._send([self._row() for _ in range(3)], lambda rows: self._app.execute(insertion(self._table, rows)))

    def _copy(self) -> None:
        """COPY, but into a view, which cannot take it."""
        view = "SELECT relkind = 'v' FROM pg_class WHERE oid = to_regclass(quote_ident(%s))"

        def write(rows: list[dict[str, str | None]]) -> None:
            query = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(self._table), listed(rows[0]))
            with self._app.cursor() as cursor, cursor.copy(query) as copy:
                for row in rows:
                    copy.write_row(tuple(row.values()))

        with self._app.transaction():
            # Once read, it stays what it is until we are done: table and view trade names.
            self._app.execute(sql.SQL("SELECT FROM {} LIMIT 0").format(sql.Identifier(self._table)))
            if self._app.execute(view, [self._table]).fetchone() != (True,):
                self._send([self._row() for _ in range(3)], write)

    def _upsert(self) -> None:
        """One of a few keys: the first time it inserts, later it updates."""
        fact = self._random.choice(self._shared.scene.example.facts or (None,))
        side = self.sides[0]
        row = Row(501 + self._random.randrange(5), self._row().given, self._other_texts())
        line = self._line(row)
        changed = dict.fromkeys(row.others, "") | dict.fromkeys(columns(fact, side) if fact else (), "")
        excluded = sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in changed)
        query = insertion(self._table, [line]) + sql.SQL(" ON CONFLICT ({}) DO UPDATE SET {}").format(
            listed(self._upsert_on), excluded
        )
        if self._inserts(query, row.id):
            self._mirror.insert(row, synced=self._shared.synced)
            return
        self._mirror.write_others([row.id], row.others)
        if fact is not None and columns(fact, side):
            self._mirror.update([row.id], fact, {side: {n: row.given[side][n] for n in columns(fact, side)}})

    def _inserts(self, upsert: sql.Composed, key: int) -> bool:
        """Send it, and tell whether there was no such row. Views and partitioned tables cannot say: there it goes in turn."""
        place = self._shared.scene.example.place()
        views = place.old != place.new or self._shared.scene.example.views
        if not self._shared.scene.key.partitioned and not views:
            return self._app.execute(upsert + sql.SQL(" RETURNING xmax = 0")).fetchone() == (True,)
        self._app.execute("SELECT pg_advisory_xact_lock(%s)", [key])
        query = sql.SQL("SELECT FROM {} WHERE {} = {}").format(
            sql.Identifier(self._table), sql.Identifier(self._shared.scene.example.key), sql.Literal(key)
        )
        there = self._app.execute(query).rowcount
        self._app.execute(upsert)
        return not there

    def _update(self, fact: Fact) -> None:
        self._update_rows(fact, [self._random.choice(self._known())])

    def _update_many(self, fact: Fact) -> None:
        self._update_rows(fact, sorted({self._random.choice(self._known()) for _ in range(5)}))

    def _update_rows(self, fact: Fact, ids: list[int]) -> None:
        sides = self._sides_of(fact)
        if not sides:
            return
        if len(ids) > 1 or len(sides) > 1:
            ids = self._locked(ids[:1] if len(sides) > 1 else ids)
        if not ids:
            return
        given: dict[Side, dict[str, str | None]] = {sides[0]: self._texts(sides[0], fact, inserts=False)}
        if len(sides) > 1:
            self._mirror.update(ids, fact, given)
            names = list(fact.new)
            given["new"] = dict(zip(names, self._mirror.read("new", names, ids)[ids[0]], strict=True))
        values = {name: value for side in given.values() for name, value in side.items()}
        done = self._returning(self._update_of(sets(values)), ids)
        self._mirror.update(done, fact, given)

    def _sides_of(self, fact: Fact) -> tuple[Side, ...]:
        """Through which shapes a fact is written; where both use one column there is no dual writing."""
        found = tuple(side for side in self.sides if columns(fact, side))
        return found[-1:] if fact.old.keys() & fact.new.keys() else found

    def _same(self, fact: Fact) -> None:
        """Write a column as it is, as many libraries do: that is no change, and must not undo what the other shape holds."""
        names = list(columns(fact, self.sides[0]))
        if names:
            same = sql.SQL(", ").join(sql.SQL("{0} = {0}").format(sql.Identifier(name)) for name in names)
            self._returning(self._update_of(same), [self._random.choice(self._known())])

    def _others(self) -> None:
        values = self._other_texts()
        done = self._returning(self._update_of(sets(values)), [self._random.choice(self._known())])
        self._mirror.write_others(done, values)

    def _move(self) -> None:
        old, new = self._victim(), next(self._shared.ids)
        if old is None:
            return
        scene = self._shared.scene
        values = {scene.example.key: str(new), **scene.key_values(new)}
        if self._returning(self._update_of(sets(values)), [old]):
            self._mirror.move(old, new)
            self._shared.born.append(new)

    def _delete(self) -> None:
        victim = self._victim()
        if victim is not None and self._returning(
            sql.SQL("DELETE FROM {}").format(sql.Identifier(self._table)), [victim]
        ):
            self._mirror.delete(victim)

    def _read(self) -> None:
        """Explicit column lists of the shape, as an application reads."""
        scene, side = self._shared.scene, self.sides[-1]
        names = [scene.example.key, *scene.example.others, *(n for f in scene.example.facts for n in columns(f, side))]
        query = sql.SQL("SELECT {} FROM {}").format(listed(names), sql.Identifier(self._mirror.tables[side]))
        self._app.execute(query).fetchall()

    def _locked(self, ids: list[int]) -> list[int]:
        key = sql.Identifier(self._shared.scene.example.key)
        query = sql.SQL("SELECT {0} FROM {1} WHERE {0} IN (NULL, {2}) ORDER BY {0} FOR NO KEY UPDATE")
        listing = sql.SQL(", ").join(map(sql.Literal, ids))
        found = self._app.execute(query.format(key, sql.Identifier(self._table), listing))
        return [row[0] for row in found]

    def _update_of(self, assignments: sql.Composed) -> sql.Composed:
        return sql.SQL("UPDATE {} SET {}").format(sql.Identifier(self._table), assignments)

    def _returning(self, statement: sql.Composed, ids: list[int]) -> list[int]:
        """Run a statement on rows by id; the ids it left."""
        key = sql.Identifier(self._shared.scene.example.key)
        query = statement + sql.SQL(" WHERE {0} IN ({1}) RETURNING {0}").format(
            key, sql.SQL(", ").join([sql.SQL("NULL"), *map(sql.Literal, ids)])
        )
        return [row[0] for row in self._app.execute(query)]

    def _known(self) -> list[int]:
        return [*self._shared.seeded, *self._shared.born[-20:]]

    def _victim(self) -> int | None:
        with contextlib.suppress(IndexError):
            return self._shared.born.pop(0)
        return None

    def _conflict_target(self) -> list[str]:
        scene = self._shared.scene
        wanted = list(scene.key_values(0)) + ([scene.example.key] if scene.key.with_id or not scene.key.columns else [])
        unique = (
            self._links[side].execute(_UNIQUE, [table, wanted, wanted]).fetchone()
            for side, table in self._mirror.tables.items()
        )
        return wanted if all(found == (True,) for found in unique) else []


class Traffic:
    """Sessions that go on in the background whenever they are let; nothing runs once ``flowing`` has been left."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self._sessions = {version: Session(shared, version, 1) for version in VERSIONS}

    def round(self) -> None:
        """Every kind of statement, by every version, now."""
        for session in self._sessions.values():
            session.round()

    def redeploy(self) -> None:
        """The versions that know the new shape end, which an abort asks for (F28), and begin again at the next change.

        What they prepared would fail then where a type was made anew: it has another number under the same name.
        """
        for version in ("new", "dual"):
            self._sessions[version].renew()

    @contextlib.contextmanager
    def flowing(self) -> Iterator[None]:
        """Let the sessions write at random while the block runs."""
        over = threading.Event()

        def flow(session: Session) -> None:
            while not over.wait(0.02):
                session.any()

        threads = [threading.Thread(target=flow, args=(session,), daemon=True) for session in self._sessions.values()]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()

    def close(self) -> None:
        """Hang up every session."""
        for session in self._sessions.values():
            session.close()


def rows_of(link: Link, table: str, key: str, names: Sequence[str]) -> list[tuple[Any, ...]]:
    """Key and some columns of all rows, as text."""
    texts = [sql.SQL("{}::text").format(sql.Identifier(name)) for name in names]
    query = sql.SQL("SELECT {} FROM {}").format(
        sql.SQL(", ").join([sql.Identifier(key), *texts]), sql.Identifier(table)
    )
    return link.execute(query).fetchall()
