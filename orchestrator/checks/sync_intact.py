"""Do the sync triggers stand as orch made them: enabled, unchanged, sorting last, firing on every write that matters?

A BEFORE trigger that sorts after ours, or that changes a column beneath an UPDATE OF trigger, would let the shapes drift
(correctness F10). So would triggers that were off for a while or replaced and put back: their definition is the same, but the
catalog rows are not those that stood when the backfill ended (F26).
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
SELECT t.tgname, (t.tgtype & 16) <> 0 FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid JOIN pg_catalog.pg_namespace f ON f.oid = p.pronamespace
  JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND c.relname = %s AND NOT t.tgisinternal AND f.nspname <> 'orch_target'
   AND (t.tgtype & 2) <> 0 AND (t.tgtype & 1) <> 0 ORDER BY 1
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
                f"{sync.kind} {sync.id} {_OTHERS} {_BROKEN}",
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
    for name, on_update in reader.rows(_OTHERS, (sync.table.schema, sync.table.name)):
        if name.encode() > sync.trigger.encode():
            faults.append(f"trigger {name} fires after the sync")
        elif on_update and isinstance(sync, Mirror) and sync.narrow:
            faults.append(f"trigger {name} may change columns that the sync does not watch for")
    return len(faults), tuple(faults)


plugin = SyncIntact()
