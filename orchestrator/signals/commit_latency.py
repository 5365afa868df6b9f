"""How long a small durable commit takes: a heartbeat of ours, once a second.

Whoever commits waits for the same disk and the same synchronous standbys as the application does. Stops at 100 ms, as
spirit does; where the quickest commit seen already takes a fifth of that (a standby far away), at five times the quickest.
A session that cannot write, as that of a verification, has no heartbeat.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from orchestrator.core.duration import words
from orchestrator.core.sight import Sight
from orchestrator.core.throttle import Pressure

STOP_AT = 0.1
TIMES = 5.0
_WRITES = "SELECT pg_catalog.current_setting('transaction_read_only') = 'off'"
_BEAT = """
INSERT INTO orch_target.heartbeat AS h (change_id, at) VALUES (%s, pg_catalog.clock_timestamp())
    ON CONFLICT (change_id) DO UPDATE SET at = excluded.at RETURNING 1
"""


class CommitLatency:
    """Writes one row of orch_target.heartbeat, and takes the time."""

    name = "commit_latency"

    def __init__(self) -> None:
        self._least = float("inf")

    def read(self, sight: Sight) -> Iterator[Pressure]:
        """The time of one commit over 100 ms, or over five times the quickest."""
        if sight.target.rows(_WRITES)[0][0] is not True:
            return
        began = time.perf_counter()
        sight.target.rows(_BEAT, (sight.change_id,))
        took = time.perf_counter() - began
        self._least = min(self._least, took)
        most = max(STOP_AT, TIMES * self._least)
        yield Pressure(self.name, took / most, f"a commit took {words(took)}, {words(most)} are too long")


plugin = CommitLatency
