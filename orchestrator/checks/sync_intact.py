"""Do the sync triggers stand as orch made them: enabled, unchanged, sorting last, firing on every write that matters?

A BEFORE trigger that sorts after ours, or that changes a column beneath an UPDATE OF trigger, would let the shapes drift
(correctness F10). So would triggers that were off for a while, if only on one partition, or replaced and put back: their
definition is the same, but the catalog rows are not those that stood when the backfill ended (F26). A partition that was attached
since has triggers of its own, too, and rows that nobody filled.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.checks._judge import judged
from orchestrator.core.plan import Plan
from orchestrator.core.ports import Reader, Seen
from orchestrator.core.step import InstallSync
from orchestrator.core.sync import Mirror, Sync
from state.model import Finding, GateName

_OTHERS = """
SELECT DISTINCT t.tgname, (t.tgtype & 16) <> 0
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL (SELECT c.oid AS relid UNION SELECT s.relid FROM pg_catalog.pg_partition_tree(c.oid) s) r
  JOIN pg_catalog.pg_trigger t ON t.tgrelid = r.relid
  JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid JOIN pg_catalog.pg_namespace f ON f.oid = p.pronamespace
 WHERE n.nspname = %s AND c.relname = %s AND NOT t.tgisinternal AND f.nspname <> 'orch_target'
   AND (t.tgtype & 2) <> 0 AND (t.tgtype & 1) <> 0 ORDER BY 1
"""
_ELSEWHERE = """
SELECT s.relid::regclass::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL pg_catalog.pg_partition_tree(c.oid) s JOIN pg_catalog.pg_class f ON f.oid = s.relid AND f.relkind = 'f'
 WHERE n.nspname = %s AND c.relname = %s ORDER BY 1
"""
_BROKEN = "SELECT 1 FROM orch_target.seal s WHERE s.sync_id = %s AND s.print <> orch_target.sync_print(s.sync_id)"


class SyncIntact:
    """Asks the catalog about every Sync of the plan."""

    name = "sync_intact"
    gates = frozenset({GateName.BACKFILL, GateName.SWITCH_READS, GateName.CONTRACT})

    def findings(self, plan: Plan, gate: GateName, reader: Reader) -> Iterator[Finding]:
        """One Finding per Sync."""
        for sync in plan.syncs():
            yield judged(
                f"sync_intact:{sync.table}:{sync.trigger}",
                f"{sync.kind} {sync.id} {_OTHERS} {_BROKEN} {_ELSEWHERE}",
                "faults of the sync",
                lambda sync=sync: _faults(reader, sync),  # type: ignore[misc]
            )


def _faults(reader: Reader, sync: Sync) -> tuple[int, tuple[str, ...]]:
    faults = []
    seen = reader.observe(InstallSync(sync), "")
    if seen.seen is not Seen.DONE:
        faults.append(seen.detail or f"the triggers of {sync.table} are gone")
    elif reader.rows(_BROKEN, (sync.id,)):
        faults.append(
            f"the triggers or functions of {sync.table} were replaced, or off for a while, since the rows were filled"
            f" (orch advance {sync.change_id} fills and compares them again)"
        )
    for (partition,) in reader.rows(_ELSEWHERE, (sync.table.schema, sync.table.name)):
        faults.append(f"partition {partition} is a foreign table: what is written there passes the sync by")
    for name, on_update in reader.rows(_OTHERS, (sync.table.schema, sync.table.name)):
        if name.encode() > sync.trigger.encode():
            faults.append(f"trigger {name} fires after the sync")
        elif on_update and isinstance(sync, Mirror) and sync.narrow:
            faults.append(f"trigger {name} may change columns that the sync does not watch for")
    return len(faults), tuple(faults)


plugin = SyncIntact()
