"""May the login see what others do? A backfill that cannot tell how loaded the server is stops instead of guessing.

Source: PostgreSQL manual, section 21.5 (predefined roles): ``pg_monitor`` includes ``pg_read_all_stats``, without which
pg_stat_activity and pg_stat_replication hide the sessions of other roles.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.diagnosis._sight import AT_TARGET, Answer, Look, Sight, names, one
from state.model import Verdict


def see(sight: Sight) -> Iterator[Answer]:
    """Asked of a login that runs changes."""
    if not sight.duties.runs:
        return
    if one(sight.reader, "SELECT pg_has_role(session_user, 'pg_read_all_stats', 'USAGE')"):
        yield Answer("monitoring", Verdict.PASS, "the login sees the load of the server")
        return
    login, _ = names(sight.reader)
    detail = (
        "the login does not see what other sessions and standbys do: backfills stop, for nobody can tell whom they hurt"
    )
    yield Answer("monitoring", Verdict.FAIL, detail, f"GRANT pg_monitor TO {login}")


plugin = Look(AT_TARGET, see)
