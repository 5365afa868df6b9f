"""How large the tables of a Plan are, as their server estimates it.

Why it exists: whoever approves a step must know whether its table has ten rows or a billion. It is asked without a lock, so that
the question never waits behind one, and where there is no answer the plan is shown without.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.core.catalog import TableName
from orchestrator.core.errors import OrchError
from orchestrator.core.expected import Size
from orchestrator.core.plan import Plan
from orchestrator.core.ports import Target
from orchestrator.refusals import explained

_SIZE = """
SELECT coalesce(sum(CASE WHEN c.reltuples > 0 THEN c.reltuples::bigint
                         ELSE coalesce(pg_catalog.pg_stat_get_live_tuples(c.oid), 0) END), 0)::bigint,
       CASE WHEN pg_catalog.bool_or(c.relpages <= 0 AND pg_catalog.pg_stat_get_live_tuples(c.oid) > 0) THEN NULL
            ELSE coalesce(sum(greatest(c.relpages, 0)::bigint * pg_catalog.current_setting('block_size')::bigint), 0) END::bigint,
       pg_catalog.count(c.oid)
  FROM (SELECT to_regclass(format('%%I.%%I', %s::text, %s::text)) AS oid) t
 CROSS JOIN LATERAL (SELECT t.oid AS relid UNION SELECT p.relid FROM pg_catalog.pg_partition_tree(t.oid) p WHERE p.isleaf) parts
  JOIN pg_catalog.pg_class c ON c.oid = parts.relid AND c.relkind = 'r'
"""


PATIENCE = 2.0
"""Seconds after which the plan is shown without sizes: a screen asks for it beside what must stay fresh."""


def table_of(step: Any) -> TableName | None:
    """The table that a Step is about; None where it is about none, or about more than that."""
    table = getattr(getattr(step, "sync", step), "table", None)
    return table if isinstance(table, TableName) else None


def sizes(plan: Plan, target: Target) -> Mapping[TableName, Size]:
    """Of the tables that are there; nothing where the target does not answer within PATIENCE."""
    tables = {table for planned in plan.steps if (table := table_of(planned.step)) is not None}
    found: list[Mapping[TableName, Size]] = []
    asking = threading.Thread(target=lambda: found.append(_asked(tables, target)), name="orch-sizes", daemon=True)
    asking.start()
    asking.join(PATIENCE)
    return found[0] if found else {}


def _asked(tables: Iterable[TableName], target: Target) -> Mapping[TableName, Size]:
    try:
        with explained(), target.overlooking() as reader:
            found = {table: reader.rows(_SIZE, (table.schema, table.name))[0] for table in tables}
    except OrchError:
        return {}
    return {table: Size(rows, size) for table, (rows, size, there) in found.items() if there}
