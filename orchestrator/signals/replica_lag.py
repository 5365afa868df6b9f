"""How far the standbys of the target are behind, in time, against what the change allows; and whether one of them is gone.

The lag counts from when the primary was first seen beyond what the standby has replayed, for ``replay_lag`` stands still as
soon as replay does. Where it is greater, ``replay_lag`` counts. Stops at ``max_replica_lag`` (5 s unless set): beyond it,
readers of the standby see what the application's users have changed since. A standby that streamed and is gone stops as
well: it has its whole absence to catch up, and nobody knows how much that is. One that is gone for good is forgotten when
the run begins anew (``orch pause``, ``orch resume``, ``orch advance``). Subscribers of logical replication are
``slot_risk``'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from orchestrator.core.duration import words
from orchestrator.core.sight import Sight, Trail
from orchestrator.core.throttle import Pressure

_HERE = "SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), '0/0')::bigint"
_STANDBYS = """
SELECT coalesce(nullif(r.application_name, ''), '?'), coalesce(pg_catalog.host(r.client_addr), 'local'), r.state,
       pg_catalog.pg_wal_lsn_diff(r.replay_lsn, '0/0')::bigint, coalesce(extract(epoch FROM r.replay_lag), 0)::float8
  FROM pg_catalog.pg_stat_replication r
 WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots s WHERE s.active_pid = r.pid AND s.slot_type = 'logical')
"""


class ReplicaLag:
    """Reads pg_stat_replication on the target (manual, section 27.2.4)."""

    name = "replica_lag"

    def __init__(self) -> None:
        self._trail = Trail()
        self._known: Counter[str] = Counter()
        self._gone_since: dict[str, float] = {}

    def read(self, sight: Sight) -> Iterator[Pressure]:
        """The lag of every standby over ``max_replica_lag``, and every standby that is gone."""
        # In this order: a standby may not be seen beyond a position that is read later.
        found = sight.target.rows(_STANDBYS)
        self._trail.note(sight.now, int(sight.target.rows(_HERE)[0][0]))
        if any(state is None for _, _, state, _, _ in found):
            yield Pressure(self.name, None, "the lag of a standby cannot be read: GRANT pg_monitor to the login")
            return
        replaying = [(f"{name} ({where})", *rest) for name, where, _, *rest in found if rest[0] is not None]
        yield from self._lags(sight, replaying)
        yield from self._missing(sight.now, Counter(name for name, *_ in replaying))

    def _lags(self, sight: Sight, replaying: list[tuple[str, int, float]]) -> Iterator[Pressure]:
        most = sight.control.max_replica_lag
        for name, position, told in replaying:
            lag = max(self._trail.age(position, sight.now), told)
            yield Pressure(self.name, lag / most, f"standby {name} is {words(lag)} behind, {words(most)} are allowed")

    def _missing(self, now: float, there: Counter[str]) -> Iterator[Pressure]:
        self._known |= there
        gone = self._known - there
        self._gone_since = {name: self._gone_since.get(name, now) for name in gone}
        for name, since in self._gone_since.items():
            yield Pressure(self.name, None, f"standby {name} is gone since {words(now - since)}")


plugin = ReplicaLag
