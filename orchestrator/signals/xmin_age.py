"""Whether somebody holds an old snapshot, which keeps every row version that the backfill leaves behind.

It is no reason to stop: the holder may hold it for hours. But while it does, no page can be pruned, so that stripes find no
room (0 % HOT measured) and are given up for plain batches: it reshapes. Two seconds count as long, for a window of sixteen
stripes is done in less. Open transactions with a snapshot or a transaction id, prepared ones, slots, and standbys with
``hot_standby_feedback`` hold it; vacuum does not, nor do other databases.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.core.duration import words
from orchestrator.core.sight import Sight, Trail
from orchestrator.core.throttle import Pressure

LONG = 2.0
_SESSIONS = """
SELECT 'session ' || a.pid || coalesce(' (' || a.state || ')', ''),
       extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::float8
  FROM pg_catalog.pg_stat_activity a
 WHERE a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid()
   AND (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL) AND a.xact_start IS NOT NULL
   AND a.backend_type IS DISTINCT FROM 'autovacuum worker'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_vacuum v WHERE v.pid = a.pid)
UNION ALL
SELECT 'prepared transaction ' || p.gid, extract(epoch FROM pg_catalog.clock_timestamp() - p.prepared)::float8
  FROM pg_catalog.pg_prepared_xacts p WHERE p.database = pg_catalog.current_database()
 ORDER BY 2 DESC LIMIT 1
"""
_HERE = "SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::bigint"
_FAR = """
SELECT 'slot ' || s.slot_name, pg_catalog.age(s.xmin)::bigint FROM pg_catalog.pg_replication_slots s WHERE s.xmin IS NOT NULL
UNION ALL
SELECT 'standby ' || coalesce(nullif(r.application_name, ''), '?'), pg_catalog.age(r.backend_xmin)::bigint
  FROM pg_catalog.pg_stat_replication r WHERE r.backend_xmin IS NOT NULL
"""


class XminAge:
    """Reads pg_stat_activity, pg_prepared_xacts, pg_replication_slots and pg_stat_replication."""

    name = "xmin_age"

    def __init__(self) -> None:
        self._trail = Trail()

    def read(self, sight: Sight) -> Iterator[Pressure]:
        """The oldest holder over two seconds."""
        holders = [(str(who), float(age)) for who, age in sight.target.rows(_SESSIONS)]
        here = int(sight.target.rows(_HERE)[0][0])
        self._trail.note(sight.now, here)
        # Slots and standbys tell no time, only how many transactions ago; when that was is in the trail.
        holders += [(who, self._trail.age(here - age, sight.now)) for who, age in sight.target.rows(_FAR)]
        if holders:
            who, age = max(holders, key=lambda each: each[1])
            detail = f"{who} holds a snapshot for {words(age)}: no page can be pruned, stripes are of no use"
            yield Pressure(self.name, age / LONG, detail, reshapes=True)


plugin = XminAge
