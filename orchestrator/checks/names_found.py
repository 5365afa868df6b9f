"""Does the table itself have every name that a version's view shows, now that the view is to go?

The versions behind the view find the table in its place. Where somebody renamed a column of it meanwhile, they would fail.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.checks._judge import judged
from orchestrator.core.plan import Plan
from orchestrator.core.ports import Reader
from orchestrator.core.viewstep import DropView
from state.model import Finding, GateName

_QUERY = """
SELECT v.attname FROM pg_catalog.pg_attribute v
  JOIN pg_catalog.pg_class c ON c.oid = v.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND c.relname = %s AND v.attnum > 0 AND NOT v.attisdropped AND NOT EXISTS (
       SELECT FROM pg_catalog.pg_attribute a
         JOIN pg_catalog.pg_class t ON t.oid = a.attrelid JOIN pg_catalog.pg_namespace m ON m.oid = t.relnamespace
        WHERE m.nspname = %s AND t.relname = %s AND a.attname = v.attname AND NOT a.attisdropped)
 ORDER BY v.attnum
"""


class NamesFound:
    """Compares the names of every view that purge drops with those of its table."""

    name = "names_found"
    gates = frozenset({GateName.PURGE})

    def findings(self, plan: Plan, gate: GateName, reader: Reader) -> Iterator[Finding]:
        """One Finding per view."""
        for planned in plan.of("purge"):
            if isinstance(planned.step, DropView):
                yield _judge(reader, planned.step)


def _judge(reader: Reader, step: DropView) -> Finding:
    def count() -> tuple[int, tuple[str, ...]]:
        place = (step.view.schema, step.view.name, step.table.schema, step.table.name)
        found = [str(row[0]) for row in reader.rows(_QUERY, place)]
        return len(found), tuple(found[:5])

    return judged(f"names_found:{step.view}", _QUERY, f"columns of {step.view} are none of {step.table}", count)


plugin = NamesFound()
