"""How far the replicas named in ``orch.toml`` are behind, read from themselves.

Why besides ``replica_lag``: a cascading standby, or one behind a proxy, is no row of the primary's. Position and time are
compared as there, by our own clock. A replica that cannot be asked counts as stop: it was configured because its readers
matter.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.core.duration import words
from orchestrator.core.ports import TargetError
from orchestrator.core.sight import Sight, Trail
from orchestrator.core.throttle import Pressure

_HERE = "SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), '0/0')::bigint"
_THERE = """
SELECT pg_catalog.pg_is_in_recovery(),
       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_replay_lsn(), '0/0')::bigint
"""


class ReplicaRead:
    """Asks every configured replica for the position it has replayed."""

    name = "replica_read"

    def __init__(self) -> None:
        self._trail = Trail()

    def read(self, sight: Sight) -> Iterator[Pressure]:
        """The lag of every configured replica over ``max_replica_lag``."""
        positions = {name: _position(reader) for name, reader in sight.replicas.items()}
        if positions:
            self._trail.note(sight.now, int(sight.target.rows(_HERE)[0][0]))
        most = sight.control.max_replica_lag
        for name, position in positions.items():
            if isinstance(position, str):
                yield Pressure(self.name, None, f"replica {name} cannot be read: {position}")
                continue
            lag = self._trail.age(position, sight.now)
            yield Pressure(self.name, lag / most, f"replica {name} is {words(lag)} behind, {words(most)} are allowed")


def _position(reader: object) -> int | str:
    """What a replica has replayed, or why that is not known."""
    if isinstance(reader, str):
        return reader
    try:
        recovers, position = reader.rows(_THERE)[0]  # type: ignore[attr-defined]
    except TargetError as error:
        return error.sqlstate or "the connection is lost"
    return int(position) if recovers and position is not None else "it is no standby"


plugin = ReplicaRead
