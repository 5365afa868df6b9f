"""What a backfill is held to can be tuned while it runs, and progress says what holds it back."""

from __future__ import annotations

from migrations_meta.script import run_sql

revision = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    run_sql("0006_tune.sql")


def downgrade() -> None:
    raise NotImplementedError("the history is append-only; restore a backup taken before orch init instead")
