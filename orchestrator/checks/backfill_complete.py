"""Is every row filled that can be, and is no row NULL that must not be?"""

from __future__ import annotations

from collections.abc import Iterator

from psycopg.sql import SQL, Composed, Identifier

from orchestrator.checks import _sql
from orchestrator.checks._judge import DATA_GATES, compared
from orchestrator.core.catalog import TableName
from orchestrator.core.plan import Plan
from orchestrator.core.ports import Examiner
from orchestrator.core.step import SetNotNull
from orchestrator.core.sync import Argument, Mirror
from state.model import Finding, GateName


class BackfillComplete:
    """Counts rows whose new column is empty although the old one converts, and NULLs where NOT NULL is to be set."""

    name = "backfill_complete"
    gates = DATA_GATES

    def findings(self, plan: Plan, gate: GateName, reader: Examiner) -> Iterator[Finding]:
        """One Finding per mirrored column, and per column that becomes NOT NULL."""
        keys = {sync.table: sync.key for sync in plan.syncs()}
        for mirror in plan.mirrors():
            yield _empty(reader, mirror)
        for planned in plan.steps:
            if isinstance(planned.step, SetNotNull):
                step = planned.step
                yield _null(reader, step.table, step.column, keys.get(step.table, ()))


def _empty(reader: Examiner, mirror: Mirror) -> Finding:
    name = f"backfill_complete:{mirror.table}.{'+'.join(mirror.new_columns)}"
    return compared(reader, _sql.comparison(name, mirror.table, mirror.key, _fillable(mirror)), "rows are not filled")


def _fillable(mirror: Mirror) -> Composed:
    """Rows without a new value that convert: every required column gets a value, else one of them does."""
    values = [_sql.converted(part, "try_", mirror.old_columns) for part in mirror.news]
    needed = [value for value, part in zip(values, mirror.news, strict=True) if part.required]
    meant = SQL(" AND " if needed else " OR ").join(SQL("{} IS NOT NULL").format(value) for value in needed or values)
    if len(values) == 1:
        return SQL("{empty} AND {meant}").format(empty=_sql.nulls(mirror.new_columns), meant=meant)
    return SQL("{empty} AND ({meant}) AND NOT {fails}").format(
        empty=_sql.nulls(mirror.new_columns), meant=meant, fails=_sql.fails(mirror.news)
    )


def _null(reader: Examiner, where: TableName, column: str, key: tuple[Argument, ...]) -> Finding:
    condition = SQL("{c} IS NULL").format(c=Identifier(column))
    name = f"backfill_complete:{where}.{column} is not null"
    return compared(reader, _sql.comparison(name, where, key, condition), "rows are NULL")


plugin = BackfillComplete()
