"""A whole rehearsal: clone, ask what statements and bodies mean, apply the Steps, ask again.

Why it exists: the Steps are sent by the very code that sends them to the target, so the proof is about what will be run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import psycopg

from orchestrator.core.parkstep import ParkColumn
from orchestrator.core.ports import LockNotGranted, Mark, TargetError
from orchestrator.core.reading import (
    Body,
    Going,
    Gone,
    Meaning,
    Proof,
    Reads,
    Refused,
    Rehearsal,
    Statement,
    Verdictless,
    judge,
)
from orchestrator.core.step import Backfill, Step
from orchestrator.core.viewstep import CreateView
from orchestrator.dialects.postgres import connection
from orchestrator.dialects.postgres.proof.bodies import bodies
from orchestrator.dialects.postgres.proof.clone import cloned
from orchestrator.dialects.postgres.proof.dump import NoClone
from orchestrator.dialects.postgres.proof.resolve import Resolver, Typed
from orchestrator.dialects.postgres.proof.spelled import Spelled, spelled
from orchestrator.dialects.postgres.proof.tries import Failures, broken, tried

Apply = Callable[[psycopg.Connection, Step, Mark], None]
_FENCE = 1
_TRIES = 10
_DEFAULT_PATH = '"$user", public'
_ATTRIBUTES = """
SELECT k.oid::bigint, a.attnum::int FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL (SELECT c.oid UNION SELECT p.relid FROM pg_catalog.pg_partition_tree(c.oid) p) k
  JOIN pg_catalog.pg_attribute a ON a.attrelid = k.oid AND a.attname = %s AND a.attnum > 0
 WHERE n.nspname = %s AND c.relname = %s
"""
_TABLES = """
SELECT k.oid::bigint FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL (SELECT c.oid UNION SELECT p.relid FROM pg_catalog.pg_partition_tree(c.oid) p) k
 WHERE n.nspname = %s AND c.relname = %s
"""
_NUMBERS = """
SELECT c.oid::bigint, a.attname, a.attnum::int FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE n.nspname = %s AND c.relname = %s
"""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A statement that planned, under one search_path, and what it meant."""

    statement: Statement
    spelled: Spelled
    path: str
    typed: Typed
    before: Meaning


def rehearsed(url: str, wanted: Rehearsal, apply: Apply) -> Proof:
    """The Proof for some Steps. Where there can be none, it says why."""
    try:
        with cloned(url) as clone:
            found = _on(clone.url, wanted, apply)
    except NoClone as error:
        return Proof(impossible=str(error), step=error.step)
    return replace(found, lacks=len(clone.lacks))


def _on(url: str, wanted: Rehearsal, apply: Apply) -> Proof:
    with _session(url) as link:
        resolver = Resolver(link, _views(link, wanted.views))
        resolver.begin()
        going = _going(link, wanted.steps)
        asked, unread = _before(resolver, wanted, going)
        functions, found = _bodies(resolver, wanted, going)
        written = tried(link, wanted.tables, going, _home(wanted))
        if (failed := _applied(url, wanted, apply)) is not None:
            return Proof(impossible=failed)
        reads = tuple(_after(resolver, asked, going))
        triggers, untried = broken(written, _written(url, wanted, going))
        judged = len({each.statement for each in asked})
        return Proof(judged, reads, tuple(unread), (*triggers, *found), functions, untried)


def _written(url: str, wanted: Rehearsal, going: Going) -> Failures:
    """What writes do after the Steps, in a session of their own: one that ran the triggers before keeps their old plans."""
    with _session(url) as link:
        return tried(link, wanted.tables, going, _home(wanted))


@contextmanager
def _session(url: str) -> Iterator[psycopg.Connection]:
    link = psycopg.connect(url, autocommit=True, application_name="orch:clone", prepare_threshold=None)
    try:
        yield link
    finally:
        link.close()


def _before(resolver: Resolver, wanted: Rehearsal, going: Going) -> tuple[list[_Asked], list[Verdictless]]:
    asked: list[_Asked] = []
    unread: list[Verdictless] = []
    for statement in wanted.statements:
        try:
            query = spelled(statement.text)
        except ValueError as error:
            unread.append(Verdictless(statement, str(error), named=_names(statement.text, going)))
            continue
        if query is None:
            unread.append(Verdictless(statement, "utility statement"))
            continue
        planned, refused = _planned(resolver, statement, query, wanted)
        asked += planned
        if not planned and refused is not None:
            why = f"{refused.message} (SQLSTATE {refused.sqlstate})"
            unread.append(Verdictless(statement, why, named=_may_read(query, going)))
    return asked, unread


def _planned(
    resolver: Resolver, statement: Statement, query: Spelled, wanted: Rehearsal
) -> tuple[list[_Asked], Refused | None]:
    """Under every search_path by which somebody may have sent it; by the schemas of its tables where it needs them."""
    found: list[_Asked] = []
    refused: Refused | None = None
    own = statement.path or _DEFAULT_PATH
    versions = [f"{_quoted(view)}, {own}" for view in dict.fromkeys(each.view.schema for each in wanted.views)]
    homes = ", ".join(_quoted(schema) for schema in dict.fromkeys(each.schema for each in wanted.tables))
    for path in (own, *versions, f"{own}, {homes}"):
        if path.endswith(homes) and path not in (own, *versions) and found:
            break
        resolver.look_in(path)
        answer = resolver.understood(query.text)
        if isinstance(answer, Refused):
            refused = refused or answer
        else:
            found.append(_Asked(statement, query, path, *answer))
    return found, refused


def _after(resolver: Resolver, asked: list[_Asked], going: Going) -> Iterator[Reads]:
    told: set[Statement] = set()
    path = ""
    for each in sorted(asked, key=lambda one: one.path):
        if each.path != path:
            resolver.look_in(each.path)
            path = each.path
        found = judge(each.before, resolver.answer(each.typed), going, each.spelled.traits)
        if found is not None and each.statement not in told:
            told.add(each.statement)
            yield Reads(each.statement, *found)


def _bodies(resolver: Resolver, wanted: Rehearsal, going: Going) -> tuple[int, tuple[Body, ...]]:
    tables = [
        row[0] for each in wanted.tables for row in resolver.link.execute(_TABLES, (each.schema, each.name)).fetchall()
    ]
    names = tuple(sorted({each.name.lower() for each in wanted.tables}))
    return bodies(resolver, going, tuple(tables), names, _home(wanted))


def _home(wanted: Rehearsal) -> str:
    """Where functions find their names that say nothing else: the schemas of the tables, and public."""
    homes = ", ".join(_quoted(schema) for schema in dict.fromkeys(each.schema for each in wanted.tables))
    return f"{homes}, public"


def _applied(url: str, wanted: Rehearsal, apply: Apply) -> str | None:
    """Send the Steps as they are sent to the target; why that failed, if it did. Rows are not there to be filled."""
    with connection.connect(url, connection.application_name(wanted.change_id, _FENCE, 0)) as link:
        link.execute(
            "INSERT INTO orch_target.fence (change_id, fence) VALUES (%s, %s)"
            " ON CONFLICT (change_id) DO UPDATE SET fence = excluded.fence",
            (wanted.change_id, _FENCE),
        )
        for place, step in enumerate(wanted.steps):
            if isinstance(step, Backfill):
                continue
            try:
                for sync in wanted.syncs if place == 0 else ():
                    link.execute("SELECT orch_target.seal_sync(%s)", (sync,))
                _patiently(
                    apply, link, step, Mark(wanted.change_id, f"{wanted.change_id}:{place}", place, _FENCE, "clone")
                )
            except (TargetError, psycopg.Error) as error:
                return f"the clone did not take step {step.kind}: {str(error).splitlines()[0]}"
    return None


def _patiently(apply: Apply, link: psycopg.Connection, step: Step, mark: Mark) -> None:
    """Nobody but autovacuum can be in the way on a clone, and it gives way. Raises TargetError."""
    for left in reversed(range(_TRIES)):
        try:
            apply(link, step, mark)
        except LockNotGranted:
            if not left:
                raise
            time.sleep(0.2)
        else:
            return


def _going(link: psycopg.Connection, steps: tuple[Step, ...]) -> Going:
    found = {}
    for step in steps:
        if not isinstance(step, ParkColumn):
            continue
        for each in step.columns:
            place = (each.column, step.table.schema, step.table.name)
            for table, number in link.execute(_ATTRIBUTES, place).fetchall():
                found[int(table), int(number)] = Gone(step.table, each.column)
    return Going(found)


def _views(link: psycopg.Connection, views: tuple[CreateView, ...]) -> Mapping[int, tuple[int, Mapping[int, int]]]:
    """The views of the plan that stand, by their numbers, with the column of the table behind each of theirs."""
    found = {}
    for each in views:
        view = link.execute(_NUMBERS, (each.view.schema, each.view.name)).fetchall()
        table = link.execute(_NUMBERS, (each.table.schema, each.table.name)).fetchall()
        if view and table:
            numbers = {name: number for _, name, number in table}
            behind = dict(zip(each.names, each.columns, strict=True))
            pairs = {n: numbers[behind[a]] for _, a, n in view if behind.get(a) in numbers}
            found[int(view[0][0])] = (int(table[0][0]), pairs)
    return found


def _may_read(query: Spelled, going: Going) -> bool:
    """Whether a statement that did not plan may be a reader all the same: it names the table and what goes of it."""
    return any({gone.table.name, gone.column} <= query.words for gone in going.columns.values())


def _names(text: str, going: Going) -> bool:
    return any(gone.table.name in text and gone.column in text for gone in going.columns.values())


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
