"""How many sessions work at once, without our own.

What a server bears is not told by SQL, so the scale is what is usual: pt-online-schema-change waits at 25 running threads.
A server that had half as many or more when the backfill began is a larger one, and stops at twice what it had. Sessions
that only wait for their client do no work. A login that cannot see what others do cannot tell, and stops.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.core.sight import Sight
from orchestrator.core.throttle import Pressure

USUAL = 25
_QUERY = """
SELECT count(*) FILTER (WHERE a.query = '<insufficient privilege>'),
       count(*) FILTER (WHERE a.state = 'active' AND a.backend_type = 'client backend'
                          AND a.wait_event_type IS DISTINCT FROM 'Client')
  FROM pg_catalog.pg_stat_activity a
 WHERE a.datid IS NOT NULL AND a.application_name NOT LIKE 'orch%'
"""


class ActiveSessions:
    """Reads pg_stat_activity."""

    name = "active_sessions"

    def __init__(self) -> None:
        self._most: int | None = None

    def read(self, sight: Sight) -> Iterator[Pressure]:
        """Active client backends over 25, or over twice as many as there were at first."""
        hidden, active = sight.target.rows(_QUERY)[0]
        if hidden:
            yield Pressure(self.name, None, "what other sessions do cannot be read: GRANT pg_monitor to the login")
            return
        if self._most is None:
            self._most = max(USUAL, 2 * active)
        yield Pressure(self.name, active / self._most, f"{active} other sessions are active, {self._most} are too many")


plugin = ActiveSessions
