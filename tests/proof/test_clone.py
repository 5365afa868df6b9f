"""The clone holds the schema and no row, reaches nowhere, and goes; nobody else's database ever does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from orchestrator.dialects.postgres.proof import clone
from orchestrator.dialects.postgres.proof.dump import NoClone
from orchestrator.embedded import Server
from tests.proof.conftest import databases, made
from tests.support.server import shared_server

TAKEN = "orch_clone_0123456789abcdef"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of this file's own, in place of the run's: which databases there are is what is looked at."""
    with shared_server(uuid.uuid4().hex) as alone:
        yield alone


@pytest.fixture(scope="module")
def maintenance(server: Server) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        yield connection


@pytest.fixture
def neighbour(database: str) -> Iterator[str]:
    """The name of a database that looks like a clone's, dropped at the end whoever it belongs to."""
    yield TAKEN
    with psycopg.connect(database, autocommit=True) as link:
        link.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(TAKEN)))
        link.execute("DROP ROLE IF EXISTS somebody")


def swept(url: str) -> list[str]:
    with psycopg.connect(url, autocommit=True) as link:
        return clone.sweep(link, url)


def test_it_has_the_schema_and_no_row_and_is_dropped(database: str) -> None:
    before = databases(database)
    with psycopg.connect(database, autocommit=True) as link:
        link.execute("CREATE TABLE t (id int PRIMARY KEY, c text DEFAULT 'x'); INSERT INTO t VALUES (1), (2)")
        link.execute("CREATE TYPE mood AS ENUM ('fine'); CREATE VIEW v AS SELECT c FROM t")
    with clone.cloned(database) as made_:
        assert databases(database) - before == {made_.name}
        with psycopg.connect(made_.url) as link:
            assert link.execute("SELECT count(*) FROM t").fetchone() == (0,)
            assert link.execute("SELECT 'fine'::mood, (SELECT count(*) FROM v)").fetchone() == ("fine", 0)
        assert not swept(database), "one that is in use was dropped"
        assert made_.name in databases(database)
    assert databases(database) == before


def test_one_in_use_is_left_alone_by_another_target_of_the_same_server(database: str, server: Server) -> None:
    with clone.cloned(database) as made_:
        time.sleep(clone._BEGINNING + 1.5)
        assert swept(server.url()) == []
        assert made_.name in databases(database)


def test_it_goes_when_its_user_fails(database: str) -> None:
    before = databases(database)
    with pytest.raises(ZeroDivisionError), clone.cloned(database):
        raise ZeroDivisionError
    assert databases(database) == before


def test_what_a_body_says_stays_as_it_is(database: str) -> None:
    body = "/*\n\\restrict abc\nSET transaction_timeout = 0;\n\\unrestrict abc\n*/ SELECT 1"
    with psycopg.connect(database, autocommit=True) as link:
        link.execute(sql.SQL("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS {}").format(sql.Literal(body)))
    with clone.cloned(database) as made_, psycopg.connect(made_.url) as link:
        assert link.execute("SELECT prosrc FROM pg_proc WHERE proname = 'f'").fetchone() == (body,)
        assert made_.lacks == ()


def test_it_reaches_nowhere(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as link:
        link.execute(
            "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host 'production')"
        )
        link.execute(
            "CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (password 'x'); CREATE FOREIGN TABLE f (a int) SERVER s"
        )
        link.execute(
            "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(9); END $$"
        )
        link.execute("CREATE EVENT TRIGGER slow ON ddl_command_end EXECUTE FUNCTION e()")
        link.execute("CREATE TABLE here (a int)")
    with clone.cloned(database) as made_, psycopg.connect(made_.url) as link:
        assert link.execute("SELECT count(*) FROM pg_foreign_server").fetchone() == (0,)
        assert link.execute("SELECT count(*) FROM pg_event_trigger").fetchone() == (0,)
        assert link.execute("SELECT to_regclass('f') IS NULL, to_regclass('here') IS NOT NULL").fetchone() == (
            True,
            True,
        )
        assert len(made_.lacks) == 5


def test_what_a_killed_maker_left_is_dropped_by_the_next(database: str) -> None:
    before = databases(database)
    script = (
        "import sys, time\nfrom orchestrator.dialects.postgres.proof import clone\n"
        "with clone.cloned(sys.argv[1]) as made:\n    print(made.name, flush=True)\n    time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script, database], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    name = child.stdout.readline().strip()
    assert name in databases(database)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    deadline = time.monotonic() + 20
    while not (gone := swept(database)) and time.monotonic() < deadline:
        time.sleep(0.1)  # the server notices the end of the maker's session
    assert gone == [name]
    assert databases(database) == before


def test_one_of_which_only_the_name_was_given_is_dropped_while_it_is_empty(database: str, neighbour: str) -> None:
    made(database, neighbour, None)
    assert swept(database) == [neighbour]


@pytest.mark.parametrize(("comment", "content"), [("mine", ""), (None, "CREATE TABLE precious (a int)")])
def test_a_database_of_that_name_that_is_not_ours_stays(
    database: str, neighbour: str, comment: str | None, content: str
) -> None:
    made(database, neighbour, comment, content)
    assert swept(database) == []
    assert neighbour in databases(database)


def test_a_clone_of_another_login_stays(database: str, neighbour: str) -> None:
    made(database, neighbour, clone.COMMENT)
    with psycopg.connect(database, autocommit=True) as link:
        link.execute("CREATE ROLE somebody")
        link.execute(sql.SQL("ALTER DATABASE {} OWNER TO somebody").format(sql.Identifier(neighbour)))
    assert swept(database) == []
    assert neighbour in databases(database)


def test_a_login_that_may_not_create_one_is_told(database: str, connect: object) -> None:
    before = databases(database)
    with psycopg.connect(database, autocommit=True) as link:
        link.execute("DROP ROLE IF EXISTS plain_login")
        link.execute("CREATE ROLE plain_login LOGIN")
    try:
        with (
            pytest.raises(NoClone, match="may not create") as refused,
            clone.cloned(database.replace("postgres@", "plain_login@")),
        ):
            pass
        assert "CREATEDB" in refused.value.step
        assert databases(database) == before
    finally:
        with psycopg.connect(database, autocommit=True) as link:
            link.execute("DROP ROLE plain_login")
