"""Brings the Registry's schema to the version this code was written for.

Why it exists: ``orch init`` must work from an installed wheel, twice, and from two machines at once. So the Alembic
configuration is built here rather than read from a file, and one transaction holds an advisory lock, the schema and
every version. The lock is polled: a blocking waiter would deadlock with a concurrent index build elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from migrations_meta import roles
from state import origin
from state.connect import engine
from state.errors import NotReady, Unprivileged

_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended('orch registry migrations', 0))")
_EXISTS = text("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'orch')")
_POLL_SECONDS = 0.1
_ATTEMPTS = 10
_INSUFFICIENT_PRIVILEGE = "42501"


def upgrade(url: str, *, wait_seconds: float = 60.0) -> list[str]:
    """Apply the missing versions and name them, oldest first. At the newest version it changes nothing.

    Raises Unreachable when nobody answers, NotReady when another upgrade does not end within ``wait_seconds``
    or a newer orch has been here, Unprivileged when the login may not.
    """
    with _alone(url, wait_seconds) as connection:
        return _upgrade(connection, url)


def separate(url: str, *, wait_seconds: float = 60.0) -> list[str]:
    """Upgrade, create the roles that are missing and hand the Registry to them. Returns what was done.

    Raises as ``upgrade``.
    """
    for attempt in range(_ATTEMPTS):
        try:
            with _alone(url, wait_seconds) as connection:
                done = roles.create(connection)
                before = roles.in_force(connection)
                done += [f"registry: version {version}" for version in _upgrade(connection, url)]
                roles.grant(connection)
                return done if before else [*done, "registry: owned by orch_owner, opened to its roles"]
        except DBAPIError as error:
            # Roles are the server's: another database's init may touch the same rows of the catalog.
            if attempt + 1 == _ATTEMPTS or "tuple concurrently" not in str(error.orig):
                raise
            time.sleep(_POLL_SECONDS)
    raise AssertionError("the last attempt returns or raises")


def settle(url: str, reason: str, *, wait_seconds: float = 60.0) -> list[str]:
    """Write down that the Registry is at home here now. Returns what was done. Raises as ``upgrade``."""
    with _alone(url, wait_seconds) as connection:
        here = origin.here(connection, url)
        if not origin.unsettled(connection, here, reason):
            return []
        if roles.in_force(connection):
            roles.become_owner(connection)
        origin.settle(connection, here, reason)
        return [f"registry: at home in {here}"]


@contextmanager
def _alone(url: str, wait_seconds: float) -> Iterator[Connection]:
    """One transaction that no other upgrade of this Registry runs beside."""
    registry = engine(url, application_name="orch init")
    try:
        with registry.begin() as connection:
            _lock(connection, wait_seconds)
            yield connection
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _INSUFFICIENT_PRIVILEGE:
            raise
        said = str(error.orig).splitlines()[0]
        raise Unprivileged(f"{said}; let a login that owns the registry, or a superuser, run: orch init") from error
    finally:
        registry.dispose()


def config(connection: Connection) -> Config:
    """Alembic's configuration for the Registry reached by ``connection``."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def _lock(connection: Connection, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while not connection.execute(_LOCK).scalar_one():
        if time.monotonic() >= deadline:
            raise NotReady("another orch init is still at work on this registry; wait for it, then run: orch init")
        time.sleep(_POLL_SECONDS)


def _upgrade(connection: Connection, url: str) -> list[str]:
    settings = config(connection)
    script = ScriptDirectory.from_config(settings)
    if not connection.execute(_EXISTS).scalar_one():
        connection.execute(text("CREATE SCHEMA orch"))
    options = {"version_table": "registry_version", "version_table_schema": "orch"}
    current = MigrationContext.configure(connection, opts=options).get_current_revision()
    if current not in {None, *(version.revision for version in script.walk_revisions())}:
        raise NotReady(f"the registry has version {current}, newer than this orch; install the orch that made it")
    missing = [version.revision for version in script.iterate_revisions("head", current or "base")]
    if missing:
        separated = roles.in_force(connection)
        if separated:
            roles.become_owner(connection)
        command.upgrade(settings, "head")
        here = origin.here(connection, url)
        if origin.unsettled(connection, here, None):
            origin.settle(connection, here, None)
        if separated:
            roles.grant(connection)
    return missing[::-1]
