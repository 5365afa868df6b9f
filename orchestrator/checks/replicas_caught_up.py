"""Have the standbys replayed what the new shape was filled with, so that whoever reads there sees it, too?

The switch sends readers to the new shape everywhere at once. On a standby that has not replayed the end of the backfill they
would read NULL (correctness F6). The position is taken now, after that end, and a standby has WITHIN seconds to pass it:
under load it is always a little behind. Asked are the standbys that stream from the target and the replicas of ``orch.toml``;
a physical slot that nobody reads stands for a standby that is away.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from orchestrator.checks._judge import DATA_GATES, judged
from orchestrator.core.plan import Plan
from orchestrator.core.ports import Examiner, Unclear
from state.model import Finding, GateName

WITHIN = 5.0
"""Seconds: as long as a standby may lag by default before a backfill waits for it."""
_HERE = "SELECT pg_catalog.pg_current_wal_lsn()::text"
_BEHIND = """
SELECT 'standby ' || coalesce(nullif(r.application_name, ''), '?') || coalesce(' (' || pg_catalog.host(r.client_addr) || ')', ''),
       r.state IS NULL, pg_catalog.pg_wal_lsn_diff(%s::pg_lsn, r.replay_lsn)::bigint
  FROM pg_catalog.pg_stat_replication r
 WHERE (r.replay_lsn IS NULL OR r.replay_lsn < %s::pg_lsn) AND r.state IS DISTINCT FROM 'backup'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots s WHERE s.active_pid = r.pid AND s.slot_type = 'logical')
UNION ALL
SELECT 'the standby of slot ' || s.slot_name || ' (away)', false, NULL
  FROM pg_catalog.pg_replication_slots s WHERE s.slot_type = 'physical' AND NOT s.active AND s.restart_lsn IS NOT NULL
 ORDER BY 1
"""
_REPLICA = """
SELECT pg_catalog.pg_is_in_recovery(),
       pg_catalog.pg_wal_lsn_diff(%s::pg_lsn, pg_catalog.pg_last_wal_replay_lsn())::bigint
"""


class ReplicasCaughtUp:
    """Asks the target and every configured replica."""

    name = "replicas_caught_up"
    gates = DATA_GATES

    def findings(self, plan: Plan, gate: GateName, reader: Examiner) -> Iterator[Finding]:
        """One Finding, for plans that fill a new shape or switch reads."""
        if plan.backfills() or plan.of("switch_reads"):
            definition = f"{_BEHIND} {_REPLICA} within {WITHIN:.0f} s"
            yield judged(self.name, definition, "replicas are behind", lambda: _late(reader))


def _late(reader: Examiner) -> tuple[int, tuple[str, ...]]:
    """Which replicas have not come by where the target stands now, once they have had time to."""
    here = str(reader.rows(_HERE)[0][0])
    deadline = time.monotonic() + WITHIN
    while (late := _behind(reader, here)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return len(late), late


def _behind(reader: Examiner, here: str) -> tuple[str, ...]:
    found = reader.rows(_BEHIND, (here, here))
    if any(hidden for _, hidden, _ in found):
        raise Unclear("the positions of standbys cannot be read: GRANT pg_monitor to the login")
    return (
        *(name if bytes_ is None else f"{name}: {bytes_:,} bytes" for name, _, bytes_ in found),
        *(f"replica {name}: {words}" for name, words in _asked(reader, here) if words),
    )


def _asked(reader: Examiner, here: str) -> Iterator[tuple[str, str]]:
    """For each configured replica, what is wrong with it."""
    for name, answer in reader.on_replicas(_REPLICA, (here,)).items():
        if isinstance(answer, str):
            raise Unclear(f"replica {name} cannot be asked: {answer}")
        recovers, behind = answer[0]
        yield name, "" if not recovers or (behind is not None and behind <= 0) else f"{behind or '?'} bytes"


plugin = ReplicasCaughtUp()
