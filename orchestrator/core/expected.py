"""How long a Step is expected to take, as a class: an estimate to judge a lock by, not a promise.

Why it exists: "ACCESS EXCLUSIVE" is harmless for a catalog entry and an outage for the rewrite of a large table. The speeds are
low ones on purpose (design §6 measured 48-82k filled rows a second, unthrottled): whoever reads "minutes" may be surprised by
seconds, not by hours.
"""

from __future__ import annotations

from dataclasses import dataclass

READ = 200e6
"""Bytes a second that a scan reads."""
WRITE = 40e6
"""Bytes a second that a rewrite or an index build gets through."""
FILL = 20e3
"""Rows a second that a throttled backfill fills."""
CLASSES = ((1.0, "under a second"), (60.0, "seconds"), (3600.0, "minutes"), (86400.0, "hours"))
BUILDS = ("create_index", "create_partitioned_index", "add_exclusion")


@dataclass(frozen=True, slots=True)
class Size:
    """Of a table with all its partitions, as the server estimates it; ``bytes`` are not known before it was first analyzed."""

    rows: int
    bytes: int | None


def expected(kind: str, *, scans: bool, rewrites: bool, size: Size | None) -> str:
    """The class of duration, once the lock is there."""
    if kind == "run_sql":
        return "not known: a statement of the change's own"
    heavy = rewrites or scans or kind == "backfill" or kind in BUILDS
    if not heavy:
        return "instant: the catalog only"
    if size is None:
        return "not known: the size of the table is not"
    if kind == "backfill":
        return _class(size.rows / FILL)
    if size.bytes is None:
        return "not known: the table was never analyzed"
    return _class(size.bytes / (WRITE if rewrites or kind in BUILDS else READ))


def _class(seconds: float) -> str:
    return next((word for limit, word in CLASSES if seconds < limit), "days")
