"""Do both shapes say the same in every row?

Before the switch strictly: new = up(old). After it, values that only survive one way are rightful: a row also passes when
old = down(new), and how many pass only so is told (correctness F8). Compared by image, so that json, 1.0 against 1.00 and
NULL are seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from psycopg.sql import SQL, Composed, Literal

from orchestrator.checks import _sql
from orchestrator.checks._judge import DATA_GATES, judged
from orchestrator.core.plan import Plan
from orchestrator.core.ports import Reader
from orchestrator.core.sync import Mirror
from state.model import Finding, GateName


class ShapesAgree:
    """Compares every row of every mirrored pair."""

    name = "shapes_agree"
    gates = DATA_GATES

    def findings(self, plan: Plan, gate: GateName, reader: Reader) -> Iterator[Finding]:
        """One Finding per mirrored pair."""
        for mirror in plan.mirrors():
            yield _compare(reader, mirror, strict=gate is GateName.SWITCH_READS)


def _compare(reader: Reader, mirror: Mirror, *, strict: bool) -> Finding:
    query = _query(mirror, strict=strict)
    seen: dict[str, int] = {}

    def count() -> tuple[int, tuple[str, ...]]:
        wrong, samples, rows, by_down = reader.rows(query)[0]
        seen.update(rows=rows, by_down=by_down)
        return wrong, tuple(samples)

    name = f"shapes_agree:{mirror.table}.{'+'.join(mirror.old_columns)}={'+'.join(mirror.new_columns)}"
    found = judged(name, query.as_string(None), "rows differ", count)
    if not seen:
        return found
    note = f" of {seen['rows']:,}" + (f", {seen['by_down']:,} agree only by down" if seen["by_down"] else "")
    detail = found.detail.replace(" rows differ", f"{note} rows differ", 1)
    return replace(found, detail=detail, rows=seen["rows"])


def _query(mirror: Mirror, *, strict: bool) -> Composed:
    """One scan: total, rows that differ, and rows that agree only by down; with the first keys of those that differ."""
    forward = _sql.disagree(mirror.news, mirror.old_columns)
    return SQL(
        "WITH compared AS MATERIALIZED (SELECT {key} AS key, {wrong} AS wrong FROM {t} WHERE {forward})"
        " SELECT (SELECT count(*) FROM compared c WHERE c.wrong),"
        " ARRAY(SELECT c.key FROM compared c WHERE c.wrong ORDER BY 1 LIMIT {n}),"
        " (SELECT count(*) FROM {t}), (SELECT count(*) FROM compared c WHERE NOT c.wrong)"
    ).format(
        key=_sql.key(mirror.key),
        wrong=_wrong(mirror, strict=strict),
        t=_sql.table(mirror.table),
        forward=forward,
        n=Literal(_sql.SAMPLES),
    )


def _wrong(mirror: Mirror, *, strict: bool) -> Composed:
    """Whether a row that fails new = up(old) is wrong."""
    if not mirror.reversible:
        olds, news = _sql.nulls(mirror.old_columns), _sql.nulls(mirror.new_columns)
        return SQL("NOT ({o} AND NOT {n})").format(o=olds, n=news)
    if strict:
        return SQL("true").format()
    return _sql.disagree(mirror.olds, mirror.new_columns)


plugin = ShapesAgree()
