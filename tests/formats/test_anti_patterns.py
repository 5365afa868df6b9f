"""The five mistakes that every team makes, found in every format at the very place, with tier and lock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.lint._model import Finding
from tests.formats.tree import found

AE = "ACCESS EXCLUSIVE"
HEAD = """from alembic import op
import sqlalchemy as sa

revision = "a1"
down_revision = "a0"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
"""
DOWN = "\n\ndef downgrade() -> None:\n    op.execute('SELECT 1')\n"

Findings = Callable[..., list[tuple[str, str, str | None, str]]]


def _sql(statement: str) -> str:
    return f"-- rollback: see the runbook, ☃\nSET LOCAL lock_timeout = '1s';\n\n{statement};\n"


FILES: dict[str, tuple[str, Callable[[str, str], str]]] = {
    "SQL": ("0001_a.sql", lambda statement, _: "SET lock_timeout = '1s';\n" + _sql(statement)),
    "golang-migrate": ("migrations/0001_a.up.sql", lambda statement, _: _sql(statement)),
    "Prisma": ("prisma/migrations/20260101000000_a/migration.sql", lambda statement, _: _sql(statement)),
    "Flyway": ("db/V1__a.sql", lambda statement, _: _sql(statement)),
    "Alembic": ("alembic/versions/a1.py", lambda _, call: f"{HEAD}    {call}\n{DOWN}"),
    "Alembic, in SQL": (
        "alembic/versions/a2.py",
        lambda statement, _: f'{HEAD}    op.execute("""\n{statement}\n    """)\n{DOWN}',
    ),
}


@pytest.fixture(params=FILES)
def linted(request: pytest.FixtureRequest, tmp_path: Path) -> Findings:
    name, written = FILES[request.param]

    def lint(statement: str, call: str) -> list[tuple[str, str, str | None, str]]:
        text = written(statement, call)
        return [_told(each, text) for each in found(tmp_path, {name: text})]

    return lint


def _told(each: Finding, text: str) -> tuple[str, str, str | None, str]:
    """Rule, tier, lock, and the line from the column on."""
    return (
        each.rule,
        each.tier.value,
        each.lock,
        text.split("\n")[each.line - 1][each.column - 1 :].split("(")[0].rstrip("; "),
    )


def _at(said: list[tuple[str, str, str | None, str]], rule: str) -> list[tuple[str, str | None, str]]:
    return [(tier, lock, place) for word, tier, lock, place in said if word == rule]


def test_a_column_renamed_in_one_deploy(linted: Findings) -> None:
    said = linted(
        "ALTER TABLE orders RENAME COLUMN email TO customer_email",
        'op.alter_column("orders", "email", new_column_name="customer_email")',
    )
    ((tier, lock, place),) = _at(said, "rename_column")
    assert (tier, lock) == ("critical", AE)
    assert place in ("ALTER TABLE orders RENAME COLUMN email TO customer_email", "op.alter_column")
    assert len(said) == 1


def test_not_null_with_a_volatile_default(linted: Findings) -> None:
    said = linted(
        "ALTER TABLE orders\n  ADD COLUMN ref uuid NOT NULL DEFAULT gen_random_uuid()",
        'op.add_column("orders", sa.Column("ref", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False))',
    )
    ((tier, lock, place),) = _at(said, "volatile_default")
    assert (tier, lock) == ("critical", AE)
    assert place in ("ADD COLUMN ref uuid NOT NULL DEFAULT gen_random_uuid", "op.add_column")
    assert {each[0] for each in said} <= {"volatile_default", "row_type"}


def test_an_index_built_under_lock(linted: Findings) -> None:
    said = linted("CREATE INDEX orders_email ON orders (email)", 'op.create_index("orders_email", "orders", ["email"])')
    ((tier, lock, place),) = _at(said, "create_index")
    assert (tier, lock) == ("major", "SHARE")
    assert place in ("CREATE INDEX orders_email ON orders", "op.create_index")
    assert len(said) == 1


def test_a_backfill_in_one_transaction(linted: Findings) -> None:
    said = linted(
        "UPDATE orders SET customer_email = email WHERE customer_email IS NULL",
        'op.execute("UPDATE orders SET customer_email = email WHERE customer_email IS NULL")',
    )
    ((tier, lock, place),) = _at(said, "unbounded_update")
    assert (tier, lock) == ("major", "ROW EXCLUSIVE")
    assert place in ("UPDATE orders SET customer_email = email WHERE customer_email IS NULL", "op.execute")
    assert len(said) == 1


def test_the_old_column_dropped_in_the_release_that_adds_the_new_one(linted: Findings) -> None:
    said = linted(
        "ALTER TABLE orders ADD COLUMN customer_email text;\nALTER TABLE orders DROP COLUMN email",
        'op.add_column("orders", sa.Column("customer_email", sa.Text()))\n    op.drop_column("orders", "email")',
    )
    ((tier, lock, place),) = _at(said, "drop_and_add")
    assert (tier, lock) == ("critical", AE)
    assert place in ("DROP COLUMN email", "op.drop_column")
    assert {each[0] for each in said} == {"drop_and_add", "drop_column", "row_type"}


def test_the_safe_way_is_no_finding(linted: Findings) -> None:
    said = linted(
        "ALTER TABLE orders ADD CONSTRAINT email_there CHECK (email IS NOT NULL) NOT VALID",
        'op.create_check_constraint("email_there", "orders", "email IS NOT NULL", postgresql_not_valid=True)',
    )
    assert said == []
