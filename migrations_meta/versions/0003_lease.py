"""Whose login holds a lease: no other worker may release, shorten, renew or take it while it lives."""

from __future__ import annotations

from migrations_meta.script import run_sql

revision = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    run_sql("0003_lease.sql")


def downgrade() -> None:
    raise NotImplementedError("the history is append-only; restore a backup taken before orch init instead")
