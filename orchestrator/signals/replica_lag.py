"""How far the standbys of the target are behind, in time, against what the change allows.

An idle standby reports no lag. A standby whose figures we may not read counts as stop: grant pg_monitor to the login.
"""

from __future__ import annotations

from orchestrator.core.duration import words
from orchestrator.core.ports import Reader
from orchestrator.core.step import Backfill
from orchestrator.core.throttle import Pressure

_QUERY = """
SELECT count(*) FILTER (WHERE state IS NULL), coalesce(extract(epoch FROM max(replay_lag)), 0)::float8
  FROM pg_catalog.pg_stat_replication
"""


class ReplicaLag:
    """Reads pg_stat_replication on the target (manual, section 27.2.4)."""

    name = "replica_lag"

    def read(self, reader: Reader, step: Backfill) -> Pressure:
        """The lag of the slowest standby over ``max_replica_lag``."""
        hidden, lag = reader.rows(_QUERY)[0]
        if hidden:
            return Pressure(self.name, None, "the lag of a standby cannot be read: grant pg_monitor to the login")
        detail = f"replica lag {words(lag)} against {words(step.max_replica_lag)}"
        return Pressure(self.name, lag / step.max_replica_lag, detail)


plugin = ReplicaLag()
