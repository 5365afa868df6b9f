"""Was the change taken through on a copy as large as its tables, before production pays?

How long locks are held and clients wait on a large table is measured by nobody else. Below the size from which the configuration
demands it, nothing is asked; what a rehearsal found counts all the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.core.catalog import TableName
from orchestrator.core.plan import Plan
from orchestrator.core.ports import Examiner
from orchestrator.core.size import size_class
from state.model import Finding, GateName, Rehearsed, Verdict

_ROWS = """
SELECT coalesce(sum(CASE WHEN c.reltuples > 0 THEN c.reltuples::bigint
                         ELSE coalesce(pg_catalog.pg_stat_get_live_tuples(c.oid), 0) END), 0)::bigint
  FROM (SELECT to_regclass(format('%%I.%%I', %s::text, %s::text)) AS oid) t
 CROSS JOIN LATERAL (SELECT t.oid AS relid UNION SELECT p.relid FROM pg_catalog.pg_partition_tree(t.oid) p WHERE p.isleaf) parts
  JOIN pg_catalog.pg_class c ON c.oid = parts.relid AND c.relkind = 'r'
"""
_SERVER = "SELECT pg_catalog.current_setting('server_version_num')::int / 10000"


class HasBeenRehearsed:
    """Looks for a rehearsal of this very Plan, on this major version, on a copy of this size class."""

    name = "rehearsed"
    gates = frozenset(GateName) - {GateName.PURGE}

    def findings(self, plan: Plan, gate: GateName, reader: Examiner) -> Iterator[Finding]:
        """One Finding at the gate before the first Step, where a rehearsal is asked for or there was one."""
        if plan.steps[0].phase != gate.value:
            return
        ((server,),) = reader.rows(_SERVER)
        rows = _largest(plan, reader)
        asked = 0 < reader.rehearse_from <= rows
        if asked or reader.rehearsed is not None:
            verdict, faults, detail = _judged(plan, reader.rehearsed, rows, server, asked)
            yield Finding(self.name, f"from {reader.rehearse_from:,} rows on", verdict, faults, (), detail)


def _largest(plan: Plan, reader: Examiner) -> int:
    """The rows of the largest table that the Plan touches, as the server estimates them."""
    tables = {each for planned in plan.steps if isinstance(each := getattr(planned.step, "table", None), TableName)}
    tables |= {sync.table for sync in plan.syncs()}
    return max((int(reader.rows(_ROWS, (table.schema, table.name))[0][0]) for table in tables), default=0)


def _judged(plan: Plan, found: Rehearsed | None, rows: int, server: int, asked: bool) -> tuple[Verdict, int, str]:
    how = f"orch rehearse {plan.change_id} --synthetic, or --on URL of a restored copy"
    if found is None:
        return Verdict.UNKNOWN, 0, f"a table has about {rows:,} rows, and this plan was never rehearsed: {how}"
    if found.faults:
        over = "; ".join((*found.over_budget[:3], *([f"{found.broken} statements failed"] if found.broken else [])))
        return Verdict.FAIL, found.faults, f"the rehearsal had {found.faults} faults: {over or 'see its report'}"
    stale = _stale(found, rows, server)
    if stale:
        return (Verdict.UNKNOWN if asked else Verdict.PASS), 0, f"{stale}: {how}"
    return Verdict.PASS, 0, f"on a {found.copy} copy of {found.rows:,} rows; locks held {found.hold_ms:.0f} ms at most"


def _stale(found: Rehearsed, rows: int, server: int) -> str:
    """Why a rehearsal says nothing about the table as it is now; nothing where it does."""
    if found.server != server:
        return f"it was rehearsed on PostgreSQL {found.server}, and this is {server}"
    if found.size_class < size_class(rows):
        return f"it was rehearsed on a copy of about 10^{found.size_class} rows, and a table has about {rows:,}"
    return ""


plugin = HasBeenRehearsed()
