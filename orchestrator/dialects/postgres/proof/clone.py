"""Databases that hold a target's schema and no row: made, lent out, dropped, also after whoever made one was killed.

Why it exists: a statement can be asked about a shape that is not there yet only where the shape may be made. Nobody else's
database is ever dropped: a clone is known by its name, by its owner (this login) and by its comment, which it bears before
anything is put into it. Whoever made one keeps a session in it: an advisory lock would be seen in its own database only, and
several databases of a server may be targets. Its name says when it was made, since that session comes a moment later.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import make_conninfo

from orchestrator.dialects.postgres import connection
from orchestrator.dialects.postgres.proof.dump import NoClone, dumped
from orchestrator.dialects.postgres.text import fill, literal, name

PREFIX = "orch_clone_"
COMMENT = "orch: a schema-only clone that holds no data; dropped when it is not used"
_BEGINNING = 5
"""Seconds for which a clone is left alone although nobody has a session in it yet."""
_OURS = r"""
SELECT d.datname, d.oid FROM pg_catalog.pg_database d
 WHERE d.datname ~ '^orch_clone_[0-9a-f]{16}$' AND pg_catalog.pg_get_userbyid(d.datdba) = session_user
   AND coalesce(pg_catalog.shobj_description(d.oid, 'pg_database'), %s) = %s
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid)
   AND ('x' || pg_catalog.substr(d.datname, 12, 8))::bit(32)::bigint
       NOT BETWEEN extract(epoch FROM pg_catalog.clock_timestamp()) - %s AND extract(epoch FROM pg_catalog.clock_timestamp()) + 1
 ORDER BY 1
"""
_COMMENTED = "SELECT pg_catalog.shobj_description(%s, 'pg_database') IS NOT NULL"
_NOW = "SELECT pg_catalog.to_hex(extract(epoch FROM pg_catalog.clock_timestamp())::bigint)"
_LIKE = """
SELECT pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype
  FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
"""
_USED = (
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid >= 16384)"
    " OR EXISTS (SELECT FROM pg_catalog.pg_proc WHERE oid >= 16384)"
)


@dataclass(frozen=True, slots=True)
class Clone:
    """A database of ours that holds the schema. ``lacks`` are the statements of the schema that it did not take."""

    name: str
    url: str
    lacks: tuple[str, ...]


@contextmanager
def cloned(url: str) -> Iterator[Clone]:
    """A clone of the database of a URL, dropped at the end. Raises NoClone."""
    with connection.connect(url, "orch:clone") as link:
        sweep(link, url)
        row = link.execute("SELECT pg_catalog.to_regclass('orch.event') IS NOT NULL").fetchone()
        found = dumped(url, link.info.server_version // 10000, ("orch",) if row and row[0] else ())
        ((now,),) = link.execute(_NOW).fetchall()
        clone = f"{PREFIX}{now:0>8}{secrets.token_hex(4)}"
        _made(link, clone)
        try:
            there = make_conninfo(url, dbname=clone)
            with connection.connect(there, "orch:clone"):
                lacks = (*found.left_out, *_filled(there, found.statements))
                yield Clone(clone, there, lacks)
        finally:
            _drop(link, clone)


def _made(link: psycopg.Connection, clone: str) -> None:
    (like,) = link.execute(_LIKE).fetchall()
    encoding, collate, ctype = map(literal, like)
    create = "CREATE DATABASE {c} TEMPLATE template0 CONNECTION LIMIT 6 ENCODING {e} LC_COLLATE {l} LC_CTYPE {t}"
    try:
        link.execute(fill(create, c=name(clone), e=encoding, l=collate, t=ctype))
    except psycopg.errors.InsufficientPrivilege:
        raise NoClone(
            "this login may not create the schema-only clone on which statements are tried",
            "let an administrator ALTER ROLE this login CREATEDB",
        ) from None
    except psycopg.Error as error:
        raise NoClone(f"no clone could be created: {error.diag.message_primary}") from None
    link.execute(fill("COMMENT ON DATABASE {c} IS {t}", c=name(clone), t=literal(COMMENT)))


def _filled(url: str, statements: tuple[str, ...]) -> list[str]:
    """Send the schema as a whole; where the server does not take it, one by one, and say which it did not take."""
    with psycopg.connect(url, autocommit=True, application_name="orch:clone") as link:
        link.execute("SET client_min_messages = error; SET synchronous_commit = off; SET check_function_bodies = off")
        if not statements:
            return []
        try:
            link.execute(";\n".join(statements).encode())
        except psycopg.Error:
            return [statement for statement in statements if not _taken(link, statement)]
    return []


def _taken(link: psycopg.Connection, statement: str) -> bool:
    try:
        link.execute(statement.encode())
    except psycopg.Error:
        return False
    return True


def _drop(link: psycopg.Connection, clone: str) -> None:
    """Sessions of a clone are ours only: whatever is left in it ends."""
    with suppress(psycopg.Error):
        link.execute("SET lock_timeout = '10s'")
        link.execute(fill("DROP DATABASE IF EXISTS {c} WITH (FORCE)", c=name(clone)))


def sweep(link: psycopg.Connection, url: str) -> list[str]:
    """Drop clones of this login that nobody uses, since whoever made them was killed; returns their names.

    One without our comment is dropped only if there is nothing in it.
    """
    gone = []
    for clone, oid in link.execute(_OURS, (COMMENT, COMMENT, _BEGINNING)).fetchall():
        commented = link.execute(_COMMENTED, (oid,)).fetchone()
        if (commented and commented[0]) or _empty(url, clone):
            _drop(link, clone)
            gone.append(clone)
    return gone


def _empty(url: str, clone: str) -> bool:
    with psycopg.connect(make_conninfo(url, dbname=clone), autocommit=True, application_name="orch:clone") as link:
        row = link.execute(_USED).fetchone()
        return row is not None and not row[0]
