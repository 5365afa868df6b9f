"""Two thousand migrations of all formats, as a project of some years has them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SQL = """-- rollback: see the runbook
SET lock_timeout = '1s';
ALTER TABLE orders ADD COLUMN c{n} text;
CREATE INDEX CONCURRENTLY i{n} ON orders (c{n});
CREATE TABLE t{n} (id bigint PRIMARY KEY, o_id bigint NOT NULL REFERENCES orders, at timestamptz DEFAULT now());
UPDATE orders SET c{n} = 'x' WHERE c{n} IS NULL;
ALTER TABLE orders ADD CONSTRAINT k{n} CHECK (c{n} <> '') NOT VALID;
INSERT INTO settings (k, v) VALUES ('a{n}', '1');
DROP TABLE old{n};
"""
REVISION = """from alembic import op
import sqlalchemy as sa

revision = "r{n}"
down_revision = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("c{n}", sa.String(length=50), server_default=sa.text("'x'")))
    op.create_index(op.f("ix_{n}"), "orders", ["c{n}"], unique=False)
    op.create_table(
        "t{n}",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("o_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.now()),
        sa.ForeignKeyConstraint(["o_id"], ["orders.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute("UPDATE orders SET c{n} = 'x' WHERE c{n} IS NULL")
    op.drop_table("old{n}")


def downgrade() -> None:
    op.drop_column("orders", "c{n}")
"""
NAMES = (
    "sql/{n:05}.sql",
    "golang/{n:05}_m.up.sql",
    "prisma/migrations/2026{n:010}_m/migration.sql",
    "flyway/V{n}__m.sql",
    "alembic/versions/r{n}.py",
)
FILES = 2_000


def written(room: Path) -> None:
    """Write them all below ``room``."""
    for number in range(FILES):
        name = NAMES[number % len(NAMES)].format(n=number)
        path = room / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((REVISION if name.endswith(".py") else SQL).format(n=number))


def linted(room: Path) -> subprocess.CompletedProcess[bytes]:
    """Lint them all, without a database."""
    command = [sys.executable, "-m", "orchestrator.cli.main", "lint", str(room), "--format", "json"]
    return subprocess.run(command, capture_output=True, check=False)
