"""Do both shapes say the same in every row?

Before the switch strictly: new = up(old). After it, values that only survive one way are rightful: a row also passes when
old = down(new), and how many pass only so is told (correctness F8). Compared by image, so that json, 1.0 against 1.00 and
NULL are seen.
"""

from __future__ import annotations

from collections.abc import Iterator

from psycopg.sql import SQL, Composed

from orchestrator.checks import _sql
from orchestrator.checks._judge import DATA_GATES, compared
from orchestrator.core.plan import Plan
from orchestrator.core.ports import Examiner
from orchestrator.core.sync import Mirror
from state.model import Finding, GateName


class ShapesAgree:
    """Compares every row of every mirrored pair."""

    name = "shapes_agree"
    gates = DATA_GATES

    def findings(self, plan: Plan, gate: GateName, reader: Examiner) -> Iterator[Finding]:
        """One Finding per mirrored pair."""
        for mirror in plan.mirrors():
            yield _compare(reader, mirror, strict=gate is GateName.SWITCH_READS)


def _compare(reader: Examiner, mirror: Mirror, *, strict: bool) -> Finding:
    asked = _sql.comparison(
        f"shapes_agree:{mirror.table}.{'+'.join(mirror.old_columns)}={'+'.join(mirror.new_columns)}",
        mirror.table,
        mirror.key,
        _wrong(mirror, strict=strict),
        near=_sql.disagree(mirror.news, mirror.old_columns),
    )
    return compared(reader, asked, "rows differ", "agree only by down")


def _wrong(mirror: Mirror, *, strict: bool) -> Composed:
    """Whether a row that fails new = up(old) is wrong."""
    if not mirror.reversible:
        olds, news = _sql.nulls(mirror.old_columns), _sql.nulls(mirror.new_columns)
        return SQL("NOT ({o} AND NOT {n})").format(o=olds, n=news)
    if strict:
        return SQL("true").format()
    return _sql.disagree(mirror.olds, mirror.new_columns)


plugin = ShapesAgree()
