"""Connections to the Registry, all alike.

Why it exists: every function of the Registry relies on a pinned search_path, on UTC and on limits that keep a lost
client from holding a row lock. libpq reads the URL itself, so whatever psql accepts is accepted here.
"""

from __future__ import annotations

from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine

from state.errors import Unreachable

_SETTINGS = {
    "search_path": "pg_catalog, pg_temp",
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "5s",  # below lock_timeout: a worker frozen inside a write is waited out
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
}
_SET = "SELECT " + ", ".join("pg_catalog.set_config(%s, %s, false)" for _ in _SETTINGS)
_VALUES = [word for setting in _SETTINGS.items() for word in setting]
_DURABLE = """
SELECT pg_catalog.set_config('synchronous_commit', 'on', false)
 WHERE pg_catalog.current_setting('synchronous_commit') IN ('off', 'local')
"""
"""What the Registry has acknowledged survives a crash, whatever the server's default."""


def engine(url: str, *, application_name: str) -> Engine:
    """A lazy Engine with a small pool over ``url`` (``postgresql://…``, anything libpq takes).

    Connecting raises Unreachable when nobody answers or lets us in.
    """

    def connect() -> psycopg.Connection[Any]:
        return connected(url, application_name)

    return create_engine(
        "postgresql+psycopg://",
        creator=connect,
        pool_size=2,
        max_overflow=8,
        pool_pre_ping=True,
        pool_recycle=1800,
        use_native_hstore=False,  # looking for the type costs two round trips, and no column of ours has it
    )


def connected(url: str, application_name: str) -> psycopg.Connection[Any]:
    """One connection, every setting pinned; not in autocommit. Raises Unreachable."""
    try:
        connection = psycopg.connect(_libpq(url), application_name=application_name, autocommit=True)
    except psycopg.Error as error:
        raise Unreachable(f"the registry cannot be reached: {_first_line(error)}; check: orch doctor") from error
    try:
        connection.execute(_SET, _VALUES)
        connection.execute(_DURABLE)
        connection.autocommit = False
    except BaseException as error:
        lost = connection.broken
        connection.close()
        if lost:
            raise Unreachable("the connection to the registry was lost; run the same command again") from error
        raise
    return connection


def _libpq(url: str) -> str:
    """SQLAlchemy's spelling is accepted too."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def _first_line(error: psycopg.Error) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(":;. ")
