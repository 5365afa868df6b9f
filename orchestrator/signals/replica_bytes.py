"""How far the standbys are behind in bytes: what a standby without a slot may lose for ever.

Time hides it: a second of a backfill is more WAL than a minute of the application. The server keeps ``wal_keep_size``, and
about half of ``max_wal_size`` until the next checkpoint; a standby further behind than the greater of the two may find its
WAL recycled and must be built anew. So that is where it stops.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.core.sight import Sight
from orchestrator.core.throttle import Pressure

_QUERY = """
SELECT coalesce(nullif(r.application_name, ''), '?'),
       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), r.replay_lsn)::bigint,
       greatest(pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_keep_size')),
                pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_wal_size')) / 2)::bigint
  FROM pg_catalog.pg_stat_replication r
 WHERE r.replay_lsn IS NOT NULL
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots s WHERE s.active_pid = r.pid AND s.slot_type = 'logical')
"""


class ReplicaBytes:
    """Reads pg_stat_replication on the target."""

    name = "replica_bytes"

    def read(self, sight: Sight) -> Iterator[Pressure]:
        """What each standby has not replayed over what the server surely keeps."""
        for name, behind, kept in sight.target.rows(_QUERY):
            detail = f"standby {name} is {behind >> 20} MiB behind, the server keeps about {kept >> 20} MiB"
            yield Pressure(self.name, behind / kept, detail)


plugin = ReplicaBytes
