"""Sessions of the application that wait for a lock of ours.

A batch holds its rows for as long as it may take (100 ms unless set), so whoever meets one waits for less than that.
Somebody who has waited a second waits for more than a batch, and five at once are a queue: either stops. Other sessions of
orch do not count as the application.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.core.duration import words
from orchestrator.core.sight import Sight
from orchestrator.core.throttle import Pressure

SESSIONS = 5
SECONDS = 1.0
_QUERY = """
SELECT count(*), coalesce(max(extract(epoch FROM pg_catalog.clock_timestamp() - w.waitstart)), 0)::float8
  FROM pg_catalog.pg_locks w
 WHERE NOT w.granted AND w.pid NOT IN (SELECT o.pid FROM pg_catalog.pg_stat_activity o WHERE {ours})
   AND EXISTS (SELECT FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.pid)) b(pid)
                 JOIN pg_catalog.pg_stat_activity o ON o.pid = b.pid WHERE {ours})
""".replace("{ours}", "o.application_name LIKE 'orch:%' AND o.usename = session_user")


class BlockedByUs:
    """Reads pg_locks and pg_blocking_pids, for sessions that wait only."""

    name = "blocked_by_us"

    def read(self, sight: Sight) -> Iterator[Pressure]:
        """The greater of how many wait over 5 and how long over a second."""
        count, longest = sight.target.rows(_QUERY)[0]
        detail = f"{count} sessions wait for our locks, the longest for {words(max(0.0, longest))}"
        yield Pressure(self.name, max(count / SESSIONS, longest / SECONDS), detail)


plugin = BlockedByUs
