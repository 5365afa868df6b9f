"""Which statements name a column: asked of the server by dropping the column and planning the statement again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from orchestrator.core.known import Known, KnownColumn, KnownTable, KnownUse
from orchestrator.dialects.postgres.script.parts import Name
from orchestrator.dialects.postgres.script.readers import names, reads
from orchestrator.embedded import Server
from orchestrator.lint._run import lint

SETUP = """
CREATE SCHEMA crm;
CREATE TABLE orders (id int PRIMARY KEY, email text, total int);
CREATE TABLE customers (id int PRIMARY KEY, email text);
CREATE TABLE crm.orders (id int PRIMARY KEY, email text);
"""
STATEMENTS = (
    "SELECT email FROM orders",
    "SELECT o.email FROM orders o",
    "SELECT orders.email FROM orders JOIN customers ON true",
    "SELECT c.email FROM orders o JOIN customers c ON c.id = o.id",
    "SELECT id FROM orders WHERE email = 'x'",
    "SELECT id FROM orders ORDER BY email",
    "SELECT * FROM orders",
    "SELECT total FROM orders",
    "SELECT email FROM customers",
    "SELECT email FROM crm.orders",
    "INSERT INTO orders (id, email) VALUES (1, 'x')",
    "INSERT INTO orders (id) VALUES (1)",
    "INSERT INTO customers (id, email) SELECT id, 'x' FROM orders",
    "INSERT INTO orders AS o (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET email = excluded.email",
    "INSERT INTO orders (id, total) VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET total = length(excluded.email)",
    "UPDATE orders SET email = 'x'",
    "UPDATE orders SET total = 1 WHERE email IS NULL",
    "UPDATE orders AS o SET total = 1",
    "UPDATE customers c SET email = 'x' FROM orders o WHERE o.id = c.id",
    "DELETE FROM orders RETURNING email",
    "WITH o AS (SELECT email AS e FROM orders) SELECT e FROM o",
    "SELECT count(*) FROM customers WHERE id IN (SELECT id FROM orders WHERE orders.email = customers.email)",
    'SELECT "email" FROM "orders"',
    "SELECT 'email' FROM orders",
)


@pytest.fixture(scope="module")
def link(server: Server, maintenance: psycopg.Connection[Any], worker_id: str) -> Iterator[psycopg.Connection[Any]]:
    name = f"readers_{worker_id}"
    maintenance.execute(f"CREATE DATABASE {name}")
    try:
        with psycopg.connect(server.url(name), autocommit=True) as connection:
            connection.execute(SETUP)
            yield connection
    finally:
        maintenance.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_statement_names_a_column_if_it_fails_without_it(statement: str, link: psycopg.Connection[Any]) -> None:
    link.execute("EXPLAIN " + statement)
    with link.transaction(force_rollback=True):
        link.execute("ALTER TABLE orders DROP COLUMN email")
        try:
            with link.transaction():
                link.execute("EXPLAIN " + statement)
            fails = False
        except psycopg.errors.UndefinedColumn:
            fails = True
    assert reads(statement, Name("public", "orders"), "email") is fails


def test_what_the_grammar_does_not_take_counts_by_its_words() -> None:
    assert reads("SELECT email FROM orders WHERE at > interval $1 day day", Name("", "orders"), "email")
    assert not reads("SELECT total FROM orders WHERE at > interval $1 day day", Name("", "orders"), "email")
    assert names("BEGIN PERFORM email FROM orders; END", Name("", "orders"), "email")
    assert not names("BEGIN PERFORM 1 FROM orders; -- email\nEND", Name("", "orders"), "email")
    assert not names("BEGIN PERFORM emails FROM orders; END", Name("", "orders"), "email")


class TestMessages:
    TABLE = KnownTable("public.orders", columns={"email": KnownColumn("text")})
    DROP = "SET lock_timeout = '1s'; ALTER TABLE orders DROP COLUMN email;"

    def said(self, use: KnownUse) -> str:
        (one,) = lint(self.DROP, known=replace(Known(16), tables={"public.orders": self.TABLE}, use=use)).findings
        assert (one.rule, one.tier) == ("drop_column", "critical")
        return one.message

    def test_readers_are_shown(self) -> None:
        many = tuple((f"SELECT email, {n} FROM orders", 1000 * n) for n in range(1, 6))
        message = self.said(KnownUse(many, {"public.mail": "SELECT email FROM orders", "public.f": "SELECT 1"}))
        assert "functions name it: public.mail;" in message
        assert "SELECT email, 1 FROM orders (1,000 calls)" in message
        assert "and 2 more" in message

    def test_so_is_that_there_are_none_and_that_nobody_knows(self) -> None:
        assert "none of the 1 statements" in self.said(KnownUse((("SELECT id FROM orders", 3),)))
        assert "not known (pg_stat_statements is not installed" in self.said(
            KnownUse(missing="pg_stat_statements is not installed on this server: add it")
        )

    def test_without_a_database_nothing_is_said_of_them(self) -> None:
        (one,) = lint(self.DROP).findings
        assert "statements" not in one.message
