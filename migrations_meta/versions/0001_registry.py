"""The Registry as first published: tables, append-only history, approvals as a function."""

from __future__ import annotations

from migrations_meta.script import run_sql

revision = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    run_sql("0001_tables.sql")
    run_sql("0001_functions.sql")


def downgrade() -> None:
    raise NotImplementedError("the history is append-only; restore a backup taken before orch init instead")
