"""The linter's look at a server that keeps statistics of statements: who still names a column that is dropped."""

from __future__ import annotations

import psycopg

from orchestrator.dialects.postgres.knowing import look
from orchestrator.lint._run import lint

DROP = "SET lock_timeout = '1s'; ALTER TABLE orders DROP COLUMN email;"


def test_readers_are_those_that_the_server_has_seen(counted: str) -> None:
    with psycopg.connect(counted, autocommit=True) as link:
        link.execute("CREATE TABLE orders (id int, email text, total int)")
        link.execute(
            "CREATE FUNCTION mail() RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT max(email) FROM orders); END'"
        )
        link.execute("CREATE FUNCTION sum_() RETURNS int LANGUAGE sql AS 'SELECT sum(total)::int FROM orders'")
        link.execute("SELECT total FROM orders")
        assert "statements that pg_stat_statements has seen names it" in _said(counted)
        for _ in range(3):
            link.execute("SELECT id FROM orders WHERE email = 'somebody@example.org'")
    message = _said(counted)
    assert "SELECT id FROM orders WHERE email = $1 (3 calls)" in message
    assert "functions name it: public.mail;" in message
    assert "somebody" not in message


def _said(url: str) -> str:
    (one,) = lint(DROP, known=look(url)).findings
    return one.message
