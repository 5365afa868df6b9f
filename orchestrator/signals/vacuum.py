"""Whether this table, or a partition of it, is being vacuumed.

That is for our good: it removes what the backfill leaves behind. A fixed wait until it is done, as other tools have it,
lasts for hours on large tables; so it reshapes: the backfill goes on, and does not become faster while it runs.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.core.sight import Sight
from orchestrator.core.throttle import Pressure

_QUERY = """
WITH here AS (SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = %s AND c.relname = %s)
SELECT v.pid, v.phase FROM pg_catalog.pg_stat_progress_vacuum v
 WHERE v.datname = pg_catalog.current_database()
   AND v.relid IN (SELECT h.oid FROM here h UNION SELECT p.relid FROM here h, pg_catalog.pg_partition_tree(h.oid) p)
 LIMIT 1
"""


class Vacuum:
    """Reads pg_stat_progress_vacuum (manual, section 27.4.5)."""

    name = "vacuum"

    def read(self, sight: Sight) -> Iterator[Pressure]:
        """1 while a vacuum is at work, 0 otherwise."""
        table = sight.table
        for pid, phase in sight.target.rows(_QUERY, (table.schema, table.name)):
            detail = f"{table} is being vacuumed ({phase}, process {pid}): it does not go faster meanwhile"
            yield Pressure(self.name, 1.0, detail, reshapes=True)


plugin = Vacuum
