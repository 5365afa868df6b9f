"""Are there connections left for a run? One that cannot renew its lease loses it, and is begun anew by the next."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.diagnosis._sight import EVERYWHERE, Answer, Look, Sight
from state.model import Verdict

NEED = 6
"""At once, where Registry and Target are one database: two to ask the Registry, one to renew the lease, one for the step, one
to observe or check with, and one to raise the fence with."""

_LIMITS = """
WITH used AS (
    SELECT usesysid, datid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
server AS (
    SELECT current_setting('max_connections')::integer - CASE WHEN r.rolsuper THEN 0 ELSE
        current_setting('superuser_reserved_connections')::integer
        + coalesce(current_setting('reserved_connections', true), '0')::integer END AS most, r.rolsuper AS super
      FROM pg_roles r WHERE r.rolname = session_user)
SELECT 'the server', most, (SELECT count(*) FROM used), 'ALTER SYSTEM SET max_connections = ' || most + 100 || ', and restart'
  FROM server
UNION ALL
SELECT 'the login', r.rolconnlimit, (SELECT count(*) FROM used WHERE usesysid = r.oid),
       format('ALTER ROLE %I CONNECTION LIMIT %s', r.rolname, r.rolconnlimit + 10)
  FROM pg_roles r WHERE r.rolname = session_user AND r.rolconnlimit >= 0 AND NOT r.rolsuper
UNION ALL
SELECT 'the database', d.datconnlimit, (SELECT count(*) FROM used WHERE datid = d.oid),
       format('ALTER DATABASE %I CONNECTION LIMIT %s', d.datname, d.datconnlimit + 10)
  FROM pg_database d, server WHERE d.datname = current_database() AND d.datconnlimit >= 0 AND NOT server.super
"""


def see(sight: Sight) -> Iterator[Answer]:
    """The tightest of the limits."""
    if not sight.duties.runs:
        return
    what, most, used, step = min(sight.reader.rows(_LIMITS), key=lambda row: row[1] - row[2])
    left = max(0, most - used)
    detail = f"{left} of {most} connections that {what} allows are left; a run needs up to {NEED}"
    if left < NEED:
        cost = f"{detail}: it would lose its lease, or wait for others to leave"
        yield Answer("connections", Verdict.FAIL, cost, str(step))
    else:
        yield Answer("connections", Verdict.PASS, detail)


plugin = Look(EVERYWHERE, see)
