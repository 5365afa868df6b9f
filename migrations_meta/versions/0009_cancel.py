"""Whoever ends a session on a target is named in the history."""

from __future__ import annotations

from migrations_meta.script import run_sql

revision = "0009"
down_revision: str | None = "0008"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    run_sql("0009_cancel.sql")


def downgrade() -> None:
    raise NotImplementedError("the history is append-only; restore a backup taken before orch init instead")
