"""Consent to contract is spent once the reads went back to the old shape."""

from __future__ import annotations

from migrations_meta.script import run_sql

revision = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    run_sql("0004_spent.sql")


def downgrade() -> None:
    raise NotImplementedError("the history is append-only; restore a backup taken before orch init instead")
