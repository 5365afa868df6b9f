"""Whether a replication slot is about to be lost, or to fill the disk.

With ``max_slot_wal_keep_size`` the server gives a slot up that holds more: its consumer must be built anew. The scale is
the share of that room which is used, and a slot that is ``unreserved`` stops. Without it the slot holds WAL until the disk
is full, and nobody tells how large that is: it stops at ten times ``max_wal_size``, or 10 GiB where that is more, which no
server with room for its own checkpoints lacks. A slot that is lost already has nothing more to lose, and does not count.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.core.sight import Sight
from orchestrator.core.throttle import Pressure

_QUERY = """
SELECT s.slot_name::text, s.active, s.wal_status, s.safe_wal_size::bigint,
       greatest(0, pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn))::bigint,
       greatest(10 * pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_wal_size')), 10::bigint << 30)::bigint
  FROM pg_catalog.pg_replication_slots s
 WHERE s.restart_lsn IS NOT NULL AND s.wal_status IS DISTINCT FROM 'lost'
"""


class SlotRisk:
    """Reads pg_replication_slots (manual, section 54.20)."""

    name = "slot_risk"

    def read(self, sight: Sight) -> Iterator[Pressure]:
        """For each slot, what it holds back over what it may."""
        for slot, active, status, safe, held, unbounded in sight.target.rows(_QUERY):
            room = unbounded if safe is None else held + max(safe, 0)
            scale = max(1.0, held / max(room, 1)) if status == "unreserved" else held / max(room, 1)
            idle = "" if active else ", which nobody reads,"
            yield Pressure(
                self.name, scale, f"slot {slot}{idle} holds {held >> 20} MiB of WAL, {room >> 20} MiB is the end"
            )


plugin = SlotRisk
