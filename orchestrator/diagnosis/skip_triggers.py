"""May the login fill rows without firing the application's triggers (``triggers: skip``)?"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.diagnosis._sight import AT_TARGET, Answer, Look, Sight, names, one
from state.model import Verdict

_VERSION = "SELECT current_setting('server_version_num')::integer"
_MAY = "SELECT has_parameter_privilege(session_user, 'session_replication_role', 'SET')"
_SUPER = "SELECT rolsuper FROM pg_roles WHERE rolname = session_user"


def see(sight: Sight) -> Iterator[Answer]:
    """By privilege from PostgreSQL 15 on; before, only superusers may."""
    if not sight.duties.runs:
        return
    grants = int(one(sight.reader, _VERSION)) >= 150000
    if one(sight.reader, _MAY if grants else _SUPER):
        yield Answer("triggers: skip", Verdict.PASS, "the login may set session_replication_role")
        return
    login, _ = names(sight.reader)
    may = f"GRANT SET ON PARAMETER session_replication_role TO {login}" if grants else f"ALTER ROLE {login} SUPERUSER"
    detail = "the login may not set session_replication_role: a change with triggers: skip fails at its backfill"
    yield Answer("triggers: skip", Verdict.UNKNOWN, detail, f"{may} (only for changes that skip triggers)")


plugin = Look(AT_TARGET, see)
