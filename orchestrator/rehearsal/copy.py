"""A synthetic copy: the target's schema with rows like its own, none of them from it.

Why it exists: nobody has to ask for production's data to learn what a change costs. Rows are made before indexes and constraints
are, which is quickest, and lets the server itself say of each constraint whether the copy obeys it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from orchestrator import embedded
from orchestrator.core.catalog import TableName
from orchestrator.core.errors import Invalid, OrchError
from orchestrator.dialects.postgres import connection
from orchestrator.dialects.postgres.proof.dump import NoClone, dumped
from orchestrator.dialects.postgres.text import fill, joined, literal, name, raw
from orchestrator.rehearsal import values as made
from orchestrator.rehearsal.statistics import Facts, facts
from orchestrator.rehearsal.structure import Table, demanded, tables
from orchestrator.rehearsal.values import Values
from orchestrator.rehearsal.with_data import streamed

Say = Callable[[str], None]
After = Callable[[str], Mapping[TableName, Table]]
"""Takes a change through on an empty copy at a URL, and tells what tables there are then: rows have to obey that, too."""
SETTINGS = {
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "maintenance_work_mem": "256MB",
    "max_connections": "60",
    "checkpoint_timeout": "15min",
}
EMPTY, SHAPE, BASE = "nothing", "shape", "base"
"""The databases: the schema without rows, with few, and the copy with many, from which each run takes its own."""
_FEW = 40

_COMMENTS = r"\s*(?:--[^\n]*\n\s*)*"
_LATER = re.compile(
    _COMMENTS + r"(?:ALTER TABLE (?:ONLY )?\S+\s+(?:ADD CONSTRAINT|CLUSTER ON|REPLICA IDENTITY|ENABLE|DISABLE|FORCE)"
    r"|CREATE (?:UNIQUE )?INDEX|CREATE (?:CONSTRAINT )?TRIGGER|CREATE RULE|CREATE POLICY|CREATE STATISTICS|ALTER INDEX)",
    re.IGNORECASE,
)
_FOREIGN = re.compile(r"\bFOREIGN KEY\b")


@dataclass(frozen=True, slots=True)
class Copy:
    """A server of ours with the copy in it. ``lacks`` are sentences: what of the schema or its constraints it does not have."""

    server: embedded.Server
    version: str
    target_version: int
    tables: dict[TableName, Table]
    values: Values
    rows: int
    lacks: tuple[str, ...]

    given: str | None = None
    """Where a copy is that somebody restored, which all runs use, one after the other."""
    real: bool = False
    """Whether the rows are the target's own."""

    @contextmanager
    def fresh(self, title: str, *, small: bool = False) -> Iterator[str]:
        """The URL of a database that is as the copy is, dropped afterwards; with ``small`` it has few rows."""
        if self.given is not None and not small:
            yield self.given
            return
        url = embedded.create_database(self.server, title, SHAPE if small else BASE)
        try:
            yield url
        finally:
            embedded.drop_database(self.server, title)


@contextmanager
def synthetic(
    url: str, scale: float, say: Say, after: After | None = None, *, with_data: bool = False
) -> Iterator[Copy]:
    """A copy of the database of a URL, gone afterwards, also when we are killed; with the target's own rows if so wanted.

    Raises Invalid, and what ``after`` raises.
    """
    with connection.connect(url, "orch:clone") as link:
        link.execute("SET default_transaction_read_only = on")
        known = facts(link)
        version = link.info.server_version // 10000
        own = [
            s for (s,) in link.execute("SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname = 'orch'").fetchall()
        ]
    try:
        schema = dumped(url, version, tuple(own))
    except NoClone as error:
        raise Invalid(f"the schema cannot be copied: {error}", error.step or "orch doctor") from None
    with embedded.running(settings=SETTINGS, bin_dir=_like(version)) as server:
        yield _built(
            server, schema.statements, known, scale, say, schema.left_out, after, version, url if with_data else None
        )


def _like(major: int) -> Path | None:
    """Programs of the target's own major version, where this machine has a whole server of it; else the usual ones."""
    if os.environ.get("ORCH_PG_BIN"):
        return None
    places = (Path(f"/usr/lib/postgresql/{major}/bin"), Path(f"/usr/pgsql-{major}/bin"))
    return next((place for place in places if (place / "initdb").exists() and (place / "pg_ctl").exists()), None)


def _built(
    server: embedded.Server,
    statements: Sequence[str],
    known: Facts,
    scale: float,
    say: Say,
    left_out: Sequence[str],
    after: After | None,
    target_version: int,
    source: str | None,
) -> Copy:
    lacks = [f"left out, it reaches outside: {_short(each)}" for each in left_out]
    with opened(embedded.create_database(server, EMPTY)) as link:
        lacks += sent(link, statements)
    with opened(embedded.create_database(server, SHAPE, EMPTY)) as link:
        found = tables(link)
        values = made.planned(link, _obeying(server, found, after, lacks), known, scale)
        _few_rows(link, values)
        version = link.info.parameter_status("server_version") or ""
    first, later = split(statements)
    with opened(embedded.create_database(server, BASE)) as link:
        sent(link, first)
        link.execute("RESET ALL")
        lifted = [] if source else _without_unmet(link, found, values)
        lacks += _streamed(source, link, found, values, say) if source else _filled(link, values, say)
        say("indexes and constraints")
        lacks += completed(link, later)
        link.execute("RESET ALL")
        lacks += _put_back(link, lifted)
        if not source:
            _numbers_after(link, values)
        link.execute("VACUUM (ANALYZE)")
        link.execute("CHECKPOINT")
    total = sum(values.counts.values())
    return Copy(server, version, target_version, found, values, total, tuple(lacks), real=source is not None)


def split(statements: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """What comes before the rows, and what is made or proved quicker once they are there."""
    first = next((at for at, each in enumerate(statements) if _LATER.match(each)), len(statements))
    return statements[:first], statements[first:]


def _streamed(
    source: str, link: psycopg.Connection, found: Mapping[TableName, Table], values: Values, say: Say
) -> list[str]:
    counts, lacks = streamed(source, link, found, say)
    values.counts.update(counts)
    return lacks


def _obeying(
    server: embedded.Server, found: dict[TableName, Table], after: After | None, lacks: Sequence[str]
) -> dict[TableName, Table]:
    """The tables, with what the change will demand of their rows. Nobody may be connected to the empty copy."""
    if after is None:
        return found
    url = embedded.create_database(server, "empty", EMPTY)
    try:
        return demanded(found, after(url))
    except OrchError as error:
        if not lacks:
            raise
        lacking = f"the copy lacks {len(lacks)} things of the schema ({lacks[0]})"
        raise Invalid(
            f"{lacking}, and the change does not go through on it: {error.message}",
            "install a PostgreSQL of the target's version with its extensions here, and rehearse again",
        ) from error
    finally:
        embedded.drop_database(server, "empty")


@contextmanager
def opened(url: str) -> Iterator[psycopg.Connection]:
    """A session that makes a copy: quick, and not durable."""
    with psycopg.connect(url, autocommit=True, application_name="orch:clone") as link:
        link.execute("SET client_min_messages = error; SET check_function_bodies = off")
        link.execute("SET synchronous_commit = off")
        yield link


def sent(link: psycopg.Connection, statements: Sequence[str]) -> list[str]:
    """Send statements; those that the server does not take, for people."""
    refused = []
    for statement in statements:
        try:
            link.execute(statement.encode())
        except psycopg.Error as error:
            refused.append(f"not taken: {_short(statement)}: {error.diag.message_primary}")
    return refused


def _short(statement: str) -> str:
    lines = [line for line in statement.splitlines() if line.strip() and not line.startswith("--")]
    return " ".join(" ".join(lines).split())[:120]


def _without_unmet(
    link: psycopg.Connection, there: Mapping[TableName, Table], values: Values
) -> list[tuple[TableName, str, str]]:
    """Take away CHECKs that the rows would break, tried on rows of their own; returns them."""
    lifted = []
    for table in there.values():
        for rule in table.rules:
            if not _holds(link, values, table, rule.condition):
                link.execute(fill("ALTER TABLE {t} DROP CONSTRAINT {c}", t=made.named(table.name), c=name(rule.name)))
                lifted.append((table.name, rule.name, rule.condition))
    return lifted


def _holds(link: psycopg.Connection, values: Values, table: Table, condition: str) -> bool:
    row = values.row(table, raw("i"))
    columns = joined(", ", (fill("{v} AS {n}", v=value, n=name(column.name)) for column, value in row))
    query = fill(
        "SELECT bool_and(({c}) IS NOT FALSE) FROM (SELECT {v} FROM generate_series(1::bigint, 200) i) t",
        c=raw(condition),
        v=columns,
    )
    try:
        found = link.execute(query).fetchone()
    except psycopg.Error:
        return False
    return bool(found and found[0])


def _few_rows(link: psycopg.Connection, values: Values) -> None:
    """Some rows in every table, the same that the copy begins with; what has no value made stays empty."""
    few = replace(values, counts={place: min(max(count, 1), _FEW) for place, count in values.counts.items()})
    link.execute("SET session_replication_role = replica")
    for place, count in few.counts.items():
        with suppress(psycopg.Error):
            link.execute(made.inserting(few, few.tables[place], literal(1), literal(count)))
    link.execute("RESET session_replication_role")
    _numbers_after(link, few)


def _filled(link: psycopg.Connection, values: Values, say: Say) -> list[str]:
    lacks = []
    link.execute("SET session_replication_role = replica")
    for place, count in values.counts.items():
        table = values.tables[place]
        if gaps := list(made.missing(values, table)):
            lacks.append(f"{place} has no rows: no value can be made for {', '.join(gaps)}")
            values.counts[place] = 0
        if not values.counts[place]:
            continue
        if count > 100_000:
            say(f"{count:,} rows for {place}")
        try:
            link.execute(made.inserting(values, table, literal(1), literal(values.counts[place])))
        except psycopg.Error as error:
            lacks.append(f"{place} has no rows: {error.diag.message_primary}")
            values.counts[place] = 0
    link.execute("RESET session_replication_role")
    return lacks


def completed(link: psycopg.Connection, statements: Sequence[str]) -> list[str]:
    """Indexes, constraints, triggers. A foreign key that rows break stands unproved, and is told."""
    lacks = []
    for statement in statements:
        try:
            link.execute(statement.encode())
        except psycopg.Error as error:
            lacks.append(f"not valid on the copy: {_short(statement)}: {error.diag.message_primary}")
            if _FOREIGN.search(statement):
                sent(link, [statement.rstrip().rstrip(";") + " NOT VALID"])
    return lacks


def _put_back(link: psycopg.Connection, lifted: Sequence[tuple[TableName, str, str]]) -> list[str]:
    lacks = []
    for place, constraint, condition in lifted:
        add = "ALTER TABLE {t} ADD CONSTRAINT {n} CHECK ({c}) NOT VALID"
        text = raw(condition)
        try:
            link.execute(fill(add, t=made.named(place), n=name(constraint), c=text))
        except psycopg.Error:
            lacks.append(f"{place}: CHECK {constraint} is missing: {condition}")
            continue
        lacks.append(f"{place}: rows of the copy do not obey CHECK {constraint}: {condition}")
    return lacks


def _numbers_after(link: psycopg.Connection, values: Values) -> None:
    """Sequences go on after the rows that were made."""
    for place, count in values.counts.items():
        for column in values.tables[place].columns:
            if not count or column.base not in ("int2", "int4", "int8"):
                continue
            where = fill("{t}", t=made.named(place)).as_string(link)
            row = link.execute("SELECT pg_catalog.pg_get_serial_sequence(%s, %s)", (where, column.name)).fetchone()
            if row and row[0]:
                link.execute("SELECT pg_catalog.setval(%s::regclass, %s)", (row[0], count + 1))
