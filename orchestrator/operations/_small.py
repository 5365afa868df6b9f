"""Tables so small that what has no concurrent way may block them for a moment.

Why it exists: ACCESS EXCLUSIVE is never held for as long as reading a table takes, unless the table is known to be tiny, and
is found tiny again under the lock.
"""

from __future__ import annotations

from orchestrator.core.catalog import Table
from orchestrator.core.errors import PlanRefused
from orchestrator.core.newtable import Bound

BOUND = Bound(rows=1000, milliseconds=500)
"""1,000 rows took 0.09 s and 10,000 took 1.9 s (an exclusion constraint by GiST over two ranges, the slowest that is built so;
PostgreSQL 18, a machine at ten times its load (m))."""
BYTES = 1_000_000
"""Bytes of table and indexes over which it is not planned: estimates of rows may be stale."""


def only(table: Table, what: str, around: str) -> None:
    """Refuse a table that is not tiny. Raises PlanRefused."""
    if table.rows > BOUND.rows or table.bytes > BYTES:
        raise PlanRefused(
            f"{table.name} has about {table.rows} rows and {table.bytes} bytes: {what} under ACCESS EXCLUSIVE only, which is"
            f" let through up to {BOUND.rows} rows and {BYTES} bytes",
            around,
        )
