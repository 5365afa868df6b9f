"""Does anything in the database still name the column that is to go: a view, policy, publication, function, trigger?"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.checks._judge import judged
from orchestrator.core.catalog import TableName
from orchestrator.core.plan import Plan
from orchestrator.core.ports import Reader
from orchestrator.core.step import ParkColumn, ParkTable
from state.model import Finding, GateName


class NoDependents:
    """Asks pg_depend about everything that contract parks, and about what is parked before purge."""

    name = "no_dependents"
    gates = frozenset({GateName.CONTRACT, GateName.PURGE})

    def findings(self, plan: Plan, gate: GateName, reader: Reader) -> Iterator[Finding]:
        """One Finding per column or table."""
        for step in (planned.step for planned in plan.of("contract")):
            if isinstance(step, ParkColumn):
                column = step.parked if gate is GateName.PURGE else step.column
                yield _judged(reader, f"{step.table}.{step.column}", step.table, column)
            elif isinstance(step, ParkTable):
                parked = TableName(step.table.schema, step.parked)
                yield _judged(reader, str(step.table), parked if gate is GateName.PURGE else step.table, "*")


def _judged(reader: Reader, what: str, table: TableName, column: str) -> Finding:
    return judged(
        f"no_dependents:{what}",
        "pg_depend, pg_publication_tables",
        f"things still name {table if column == '*' else column}",
        lambda: _dependents(reader, table, column),
    )


def _dependents(reader: Reader, table: TableName, column: str) -> tuple[int, tuple[str, ...]]:
    found = [d for d in reader.dependents(table) if d.column in ("", column)]
    return len(found), tuple(f"{d.kind} {d.name}" for d in found[:5])


plugin = NoDependents()
