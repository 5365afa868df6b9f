"""The type of a column is changed.

Unless the stored values remain valid as they are, the whole table and all its indexes are written anew under ACCESS EXCLUSIVE:
nobody reads or writes meanwhile. Prepared statements that show the column fail once with "cached plan must not change result
type", and versions that expect the old type may fail for good.

    ALTER TABLE orders ALTER COLUMN id TYPE bigint;

With `--url` the old type is known, and what PostgreSQL changes in its catalog alone (a longer varchar, varchar to text, a wider
numeric of the same scale) is minor.

Safe: a second column, kept equal, filled in batches, then switched to. The operation `change_type` does so.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import Retype
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: Retype, seen: Situation) -> Iterator[Remark]:
    done = seen.effect(act)
    old = seen.column(act.table, act.column)
    was = f" from {old.type}" if old else ""
    way = "a change with change_type: a column beside it, filled in batches"
    if old is not None and old.views:
        yield Remark(f"fails while views name the column: {', '.join(old.views)}", way)
        return
    if done.rewrites:
        unknown = "" if old else ", unless the old type is stored alike"
        said = f"writes all of {act.table} anew under ACCESS EXCLUSIVE to make {act.column}{was} {act.type}{unknown}"
        yield Remark(said, way)
    elif done.scans:
        said = f"reads all of {act.table} under ACCESS EXCLUSIVE, for a check or an index on {act.column}"
        yield Remark(said, "drop the check or the index, change the type, add it NOT VALID or CONCURRENTLY")
    else:
        said = f"makes {act.table}.{act.column}{was} {act.type}, which is written in the catalog alone"
        yield Remark(said, "set lock_timeout and try again when it strikes", Tier.MINOR)


plugin = Rule(Tier.CRITICAL, _judge, (Retype,), sized=True)
