"""The read switch can be taken back while it is under way."""

from __future__ import annotations

from migrations_meta.script import run_sql

revision = "0008"
down_revision: str | None = "0007"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    run_sql("0008_ramp.sql")


def downgrade() -> None:
    raise NotImplementedError("the history is append-only; restore a backup taken before orch init instead")
