"""Is every row filled that can be, and is no row NULL that must not be?"""

from __future__ import annotations

from collections.abc import Iterator

from psycopg.sql import SQL, Composed, Identifier

from orchestrator.checks import _sql
from orchestrator.checks._judge import DATA_GATES, judged
from orchestrator.core.catalog import TableName
from orchestrator.core.plan import Plan
from orchestrator.core.ports import Reader
from orchestrator.core.step import SetNotNull
from orchestrator.core.sync import Argument, Mirror
from state.model import Finding, GateName


class BackfillComplete:
    """Counts rows whose new column is empty although the old one converts, and NULLs where NOT NULL is to be set."""

    name = "backfill_complete"
    gates = DATA_GATES

    def findings(self, plan: Plan, gate: GateName, reader: Reader) -> Iterator[Finding]:
        """One Finding per mirrored column, and per column that becomes NOT NULL."""
        keys = {sync.table: sync.key for sync in plan.syncs()}
        for mirror in plan.mirrors():
            yield _empty(reader, mirror)
        for planned in plan.steps:
            if isinstance(planned.step, SetNotNull):
                step = planned.step
                yield _null(reader, step.table, step.column, keys.get(step.table, ()))


def _empty(reader: Reader, mirror: Mirror) -> Finding:
    condition = SQL("{n} IS NULL AND {v} IS NOT NULL").format(
        n=Identifier(mirror.new), v=_sql.converted(mirror.up, "try_", mirror.old)
    )
    name = f"backfill_complete:{mirror.table}.{mirror.new}"
    return _count(reader, name, mirror.table, condition, mirror.key, "rows are not filled")


def _null(reader: Reader, where: TableName, column: str, key: tuple[Argument, ...]) -> Finding:
    condition = SQL("{c} IS NULL").format(c=Identifier(column))
    name = f"backfill_complete:{where}.{column} is not null"
    return _count(reader, name, where, condition, key, "rows are NULL")


def _count(
    reader: Reader, name: str, where: TableName, condition: Composed, key: tuple[Argument, ...], what: str
) -> Finding:
    query = _sql.counted(_sql.table(where), condition, _sql.key(key))

    def count() -> tuple[int, tuple[str, ...]]:
        wrong, samples = reader.rows(query)[0]
        return wrong, tuple(samples)

    return judged(name, query.as_string(None), what, count)


plugin = BackfillComplete()
