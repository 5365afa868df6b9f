"""Sessions of ours on the target: named, pinned and bounded.

Why it exists: every statement orch sends depends on these settings (which rows it sees, how an expression reads, how long a
lock may be waited for), so no session may exist without them. They are set by statements, not startup options, which
connection poolers drop.
"""

from __future__ import annotations

import hashlib

import psycopg
from psycopg import sql

from orchestrator.core.errors import Invalid, Unreachable
from orchestrator.dialects.postgres.errors import translate

LOCK_TIMEOUT = "100ms"
"""Per lock, and below deadlock_timeout, so that our DDL yields before an application transaction is killed (F24)."""

DURABLE = (
    "SELECT pg_catalog.set_config('synchronous_commit', 'on', false)"
    " WHERE pg_catalog.current_setting('synchronous_commit') IN ('off', 'local')"
)
"""What is recorded as done must survive a crash, whatever the server's default (F12). Only batches commit as it says."""

_SETTINGS = (
    "SET search_path = pg_catalog, pg_temp",
    "SET TimeZone = 'UTC'",
    "SET DateStyle = 'ISO, MDY'",
    "SET IntervalStyle = 'postgres'",
    "SET row_security = off",
    "SET orch.own = 'on'",
    "SET default_transaction_isolation = 'read committed'",
    "SET idle_in_transaction_session_timeout = '10s'",
    f"SET lock_timeout = '{LOCK_TIMEOUT}'",
    "SET statement_timeout = '60s'",
    "SET client_min_messages = 'warning'",
    DURABLE,
)


def application_name(change_id: str, fence: int, ordinal: int) -> str:
    """``orch:<12 hex of the change>:<fence>:<ordinal>``: names are cut at 63 bytes, ids may be as long (F23)."""
    return f"orch:{hashlib.sha256(change_id.encode()).hexdigest()[:12]}:{fence}:{ordinal}"


def place(url: str) -> str:
    """Where a URL leads, for people: host and port, never who connects or how."""
    found = psycopg.conninfo.conninfo_to_dict(url)
    where = [str(found[key]) for key in ("host", "port") if found.get(key)]
    return ":".join(where) or "local socket"


def connect(url: str, name: str) -> psycopg.Connection:
    """An autocommit connection with every setting pinned. Raises Invalid when the target is unreachable."""
    try:
        connection = psycopg.connect(url, autocommit=True, application_name=name, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise Unreachable(
            f"the target is unreachable: {str(error).splitlines()[0]}", "check the URL and the server, then orch doctor"
        ) from None
    except psycopg.Error as error:
        raise Invalid(f"the target's URL is not usable: {type(error).__name__}", "check url in orch.toml") from None
    connection.prepare_threshold = None
    try:
        connection.execute(sql.SQL("; ").join(map(sql.SQL, _SETTINGS)))
    except psycopg.Error as error:
        connection.close()
        raise translate(error) from error
    return connection
