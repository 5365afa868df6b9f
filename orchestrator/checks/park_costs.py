"""What does the park cost while it lasts: disk for what is parked, and triggers at every write?

It never refuses: it tells whoever decides about purge what waiting costs. Bytes of columns are an estimate from a thousand rows
(pg_stats knows toasted values by their pointers only), those of tables the size on disk.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from psycopg.sql import SQL, Composed, Identifier, Literal

from orchestrator.checks._sql import table
from orchestrator.core.parkstep import ParkColumn, ParkTable
from orchestrator.core.plan import Plan
from orchestrator.core.ports import ConnectionLost, Reader, TargetError
from state.model import Finding, GateName, Verdict

_COLUMNS = """
SELECT (coalesce(avg({sizes}), 0) * greatest(max(c.reltuples), count(*)))::bigint
  FROM (SELECT {columns} FROM {table} LIMIT 1000) t
 RIGHT JOIN (SELECT k.reltuples FROM pg_catalog.pg_class k WHERE k.oid = {name}::regclass) c ON true
"""
_TABLE = """
SELECT coalesce(sum(pg_catalog.pg_total_relation_size(k.oid)), 0)::bigint
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL (SELECT c.oid UNION SELECT p.relid FROM pg_catalog.pg_partition_tree(c.oid) p) k
 WHERE n.nspname = %s AND c.relname = %s
"""
_WRITES = """
SELECT coalesce(n_tup_ins + n_tup_upd, 0)::bigint FROM pg_catalog.pg_stat_user_tables WHERE schemaname = %s AND relname = %s
"""


class ParkCosts:
    """Asks the statistics of the target."""

    name = "park_costs"
    gates = frozenset({GateName.PURGE})

    def findings(self, plan: Plan, gate: GateName, reader: Reader) -> Iterator[Finding]:
        """One Finding, which passes, for plans that park."""
        steps = [planned.step for planned in plan.of("contract") if isinstance(planned.step, ParkColumn | ParkTable)]
        if not steps:
            return
        started = time.monotonic()
        try:
            detail = "; ".join(_cost(step, reader) for step in steps)
        except ConnectionLost:
            raise
        except TargetError as error:
            detail = f"not known, SQLSTATE {error.sqlstate}"
        seconds = time.monotonic() - started
        yield Finding(self.name, "what is parked", Verdict.PASS, detail=detail, seconds=seconds)


def _cost(step: ParkColumn | ParkTable, reader: Reader) -> str:
    if isinstance(step, ParkTable):
        ((size,),) = reader.rows(_TABLE, (step.table.schema, step.parked))
        return f"{step.table} holds {_size(size)}"
    where = (step.table.schema, step.table.name)
    ((size,),) = reader.rows(_columns(step))
    told = f"{step.table}.{step.column} holds about {_size(size)}"
    if step.sync is None:
        return told
    writes = sum(int(count) for (count,) in reader.rows(_WRITES, where))
    return f"{told}, and every write of the table ({writes:,} by the server's statistics) pays for the sync"


def _columns(step: ParkColumn) -> Composed:
    parked = [Identifier(each.parked) for each in step.columns]
    return SQL(_COLUMNS).format(
        sizes=SQL(" + ").join(SQL("coalesce(pg_catalog.pg_column_size(t.{}), 0)").format(each) for each in parked),
        columns=SQL(", ").join(parked),
        table=table(step.table),
        name=Literal(table(step.table).as_string()),
    )


def _size(count: int) -> str:
    return f"{count / 2**20:,.1f} MiB"


plugin = ParkCosts()
