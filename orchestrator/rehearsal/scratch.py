"""A database of ours on a server that somebody names, with the target's schema and rows in it: ``--clone``.

Why it exists: a rehearsal says most on a server like production's. What is created there must not stay, whatever becomes of us: a
process of its own waits for our end and drops it. It is told the address on its standard input, which no list of processes shows.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import make_conninfo

from orchestrator.core.errors import Invalid
from orchestrator.dialects.postgres import connection
from orchestrator.dialects.postgres.proof.dump import NoClone, dumped
from orchestrator.dialects.postgres.text import fill, name
from orchestrator.rehearsal.copy import completed, opened, sent, split
from orchestrator.rehearsal.structure import tables
from orchestrator.rehearsal.with_data import streamed

PREFIX = "orch_rehearsal_"


@contextmanager
def cloned(target: str, server: str, say: Callable[[str], None]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The URL of a clone of the target with its rows, and what that lacks; dropped at the end. Raises Invalid."""
    scratch = f"{PREFIX}{secrets.token_hex(8)}"
    with connection.connect(target, "orch:clone") as link:
        major = link.info.server_version // 10000
    try:
        schema = dumped(target, major, ("orch", "orch_target"))
    except NoClone as error:
        raise Invalid(f"the schema cannot be copied: {error}", error.step or "orch doctor") from None
    with _guarded(server, scratch):
        _created(server, scratch)
        say(f"database {scratch} on the server of --clone, dropped at the end")
        there = make_conninfo(server, dbname=scratch)
        yield there, (*_reaching(schema.left_out), *_filled(target, there, schema.statements, say))


def _reaching(left_out: tuple[str, ...]) -> list[str]:
    return [f"left out, it reaches outside: {' '.join(each.split())[:120]}" for each in left_out]


@contextmanager
def _guarded(server: str, scratch: str) -> Iterator[None]:
    """Somebody waits for our end, however it comes, and drops the database then."""
    line = [sys.executable, "-m", "orchestrator.rehearsal.scratch"]
    guard = subprocess.Popen(line, stdin=subprocess.PIPE, start_new_session=True)
    assert guard.stdin is not None  # noqa: S101 - a pipe was asked for
    guard.stdin.write(f"{server}\n{scratch}\n".encode())
    guard.stdin.flush()
    try:
        yield
    finally:
        guard.stdin.close()
        guard.wait()


def _created(server: str, scratch: str) -> None:
    with connection.connect(server, "orch:clone") as link:
        try:
            link.execute(fill("CREATE DATABASE {d} TEMPLATE template0", d=name(scratch)))
        except psycopg.Error as error:
            raise Invalid(
                f"no database could be created on the server of --clone: {error.diag.message_primary}",
                "name a server on which this login has CREATEDB",
            ) from None


def _filled(target: str, there: str, statements: tuple[str, ...], say: Callable[[str], None]) -> list[str]:
    first, later = split(statements)
    with opened(there) as link:
        lacks = sent(link, first)
        link.execute("RESET ALL")
        counts, missing = streamed(target, link, tables(link), say)
        say("indexes and constraints")
        lacks += [*missing, *completed(link, later)]
        link.execute("RESET ALL")
        link.execute("VACUUM (ANALYZE)")
    if not sum(counts.values()):
        lacks.append("no table has a row")
    return lacks


def _guard() -> None:
    """Wait until whoever started us is gone, then drop what it may have created."""
    server, scratch = (sys.stdin.readline().rstrip("\n") for _ in range(2))
    sys.stdin.read()
    if scratch.startswith(PREFIX):
        with psycopg.connect(server, autocommit=True, application_name="orch:clone") as link:
            link.execute(fill("DROP DATABASE IF EXISTS {d} WITH (FORCE)", d=name(scratch)))


if __name__ == "__main__":
    _guard()
