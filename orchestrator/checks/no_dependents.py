"""Does anything in the database still name what is to go: a view, policy, publication, function, trigger?"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.checks._judge import judged
from orchestrator.core.catalog import TableName
from orchestrator.core.parkstep import ParkColumn, ParkTable
from orchestrator.core.plan import Plan
from orchestrator.core.ports import Reader
from orchestrator.core.viewstep import DropSchema, DropView
from state.model import Finding, GateName


class NoDependents:
    """Asks pg_depend about everything that contract parks, and about what is parked before purge."""

    name = "no_dependents"
    gates = frozenset({GateName.CONTRACT, GateName.PURGE})

    def findings(self, plan: Plan, gate: GateName, reader: Reader) -> Iterator[Finding]:
        """One Finding per column, table, view or schema."""
        for step in (planned.step for planned in plan.of("contract")):
            if isinstance(step, ParkColumn):
                for each in step.columns:
                    column = each.parked if gate is GateName.PURGE else each.column
                    yield _judged(reader, f"{step.table}.{each.column}", step.table, column)
            elif isinstance(step, ParkTable):
                parked = TableName(step.table.schema, step.parked)
                yield _judged(reader, str(step.table), parked if gate is GateName.PURGE else step.table, "*")
        views = [planned.step for planned in plan.of(gate.value) if isinstance(planned.step, DropView)]
        for view in views:
            yield _judged(reader, str(view.view), view.view, "*")
        for planned in plan.of(gate.value):
            if isinstance(planned.step, DropSchema):
                yield _others(reader, planned.step.schema, views)


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


_OCCUPANTS = """
SELECT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)
  FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_namespace n ON n.oid = d.refobjid
  LEFT JOIN pg_catalog.pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
 WHERE d.refclassid = 'pg_namespace'::regclass AND n.nspname = %s AND d.deptype = 'n'
   AND NOT coalesce(c.relname = ANY (%s) AND c.relkind = 'v', false)
 ORDER BY 1
"""


def _others(reader: Reader, schema: str, views: list[DropView]) -> Finding:
    """Whether something else than the change's views is in their schema, which could not be dropped then."""

    def count() -> tuple[int, tuple[str, ...]]:
        names = [view.view.name for view in views if view.view.schema == schema]
        found = [str(row[0]) for row in reader.rows(_OCCUPANTS, (schema, names))]
        return len(found), tuple(found[:5])

    return judged(f"no_dependents:{schema}", _OCCUPANTS, f"things are in the schema {schema} that is to go", count)


plugin = NoDependents()
