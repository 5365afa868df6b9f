"""Runs a version's SQL as it is written.

Why it exists: functions and triggers read best as SQL files, and neither SQLAlchemy's ``:name`` nor the driver's ``%``
may touch their text.
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

_SQL = Path(__file__).with_name("sql")


def run_sql(name: str) -> None:
    """Run every statement of ``sql/<name>`` in the current transaction. Raises the driver's error."""
    op.get_bind().exec_driver_sql(sql_of(name), execution_options={"no_parameters": True})


def sql_of(name: str) -> str:
    """The text of ``sql/<name>``."""
    return (_SQL / name).read_text(encoding="utf-8")
