"""Who may write what: approvals and intents only through functions, content and gates guarded for workers."""

from __future__ import annotations

from migrations_meta.script import run_sql

revision = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    run_sql("0002_roles.sql")


def downgrade() -> None:
    raise NotImplementedError("the history is append-only; restore a backup taken before orch init instead")
