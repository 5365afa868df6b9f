"""How other tools run their files: Alembic itself, and golang-migrate, Prisma and psql by what they send.

golang-migrate sends a file as one simple-protocol message (its postgres driver, without x-multi-statement). Prisma sends it
statement by statement on one connection where it can be cut. psql sends it statement by statement, too.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import postgast
import psycopg

_ENV = """
import os
from alembic import context
from sqlalchemy import create_engine
if context.is_offline_mode():
    context.configure(url="postgresql://", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
    raise SystemExit(0)
engine = create_engine(os.environ["TARGET"].replace("postgresql://", "postgresql+psycopg://"))
with engine.connect() as connection:
    context.configure(connection=connection, transaction_per_migration=os.environ.get("PER") == "1")
    with context.begin_transaction():
        context.run_migrations()
"""


def alembic(versions: Path, url: str, *words: str, per_migration: bool = False) -> subprocess.CompletedProcess[str]:
    """Run Alembic over a directory of revisions."""
    home = versions.parent
    (home / "env.py").write_text(_ENV)
    (home / "script.py.mako").write_text("")
    (home / "alembic.ini").write_text(
        f"[alembic]\nscript_location = {home}\nversion_locations = {versions}\npath_separator = os\n"
    )
    environ = os.environ | {"TARGET": url, "PER": "1" if per_migration else "0"}
    command = [sys.executable, "-m", "alembic", "-c", str(home / "alembic.ini"), *words]
    return subprocess.run(command, cwd=home, env=environ, capture_output=True, text=True, check=False)


def by_message(url: str, text: str) -> None:
    """As golang-migrate does."""
    with psycopg.connect(url, autocommit=True) as link:
        link.execute(text.encode())


def by_statement(url: str, text: str) -> None:
    """As Prisma and psql do."""
    with psycopg.connect(url, autocommit=True) as link:
        for statement in postgast.split(text):
            link.execute(statement.encode())


Send = Callable[[str, str], None]


def ways(tool: str) -> tuple[str, str, Send]:
    """The ends of the files that go forward and back, and how they are sent."""
    return {
        "golang-migrate": (".up.sql", ".down.sql", by_message),
        "prisma": ("/migration.sql", "/down.sql", by_statement),
        "sql": (".up.sql", ".down.sql", by_statement),
    }[tool]
