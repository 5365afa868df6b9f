"""Is every index that the plan built there, valid and ready?

That of a partitioned table is valid only once every partition has its part of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.checks._judge import DATA_GATES, judged
from orchestrator.core.partitioned import CreatePartitionedIndex
from orchestrator.core.plan import Plan
from orchestrator.core.ports import Reader
from orchestrator.core.step import CreateIndex
from state.model import Finding, GateName

Built = CreateIndex | CreatePartitionedIndex
_QUERY = """
SELECT i.indisvalid AND i.indisready FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND c.relname = %s
"""


class IndexesValid:
    """Looks up every index; a killed concurrent build leaves an invalid one, which IF NOT EXISTS would accept."""

    name = "indexes_valid"
    gates = DATA_GATES

    def findings(self, plan: Plan, gate: GateName, reader: Reader) -> Iterator[Finding]:
        """One Finding for all of them, if there are any."""
        wanted = [p.step for p in plan.of("expand", "backfill") if isinstance(p.step, Built)]
        if wanted:
            yield judged("indexes_valid", _QUERY, "indexes are missing or invalid", lambda: _bad(reader, wanted))


def _bad(reader: Reader, wanted: list[Built]) -> tuple[int, tuple[str, ...]]:
    bad = []
    for step in wanted:
        rows = reader.rows(_QUERY, (step.table.schema, step.name))
        if not rows or not rows[0][0]:
            bad.append(step.name)
    return len(bad), tuple(bad[:5])


plugin = IndexesValid()
