"""Does anything in the database still name the column that is to go: a view, policy, publication, function, trigger?"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.checks._judge import judged
from orchestrator.core.plan import Plan
from orchestrator.core.ports import Reader
from orchestrator.core.step import ParkColumn
from state.model import Finding, GateName


class NoDependents:
    """Asks pg_depend about every column that contract parks, and about the parked one before purge."""

    name = "no_dependents"
    gates = frozenset({GateName.CONTRACT, GateName.PURGE})

    def findings(self, plan: Plan, gate: GateName, reader: Reader) -> Iterator[Finding]:
        """One Finding per column."""
        for planned in plan.of("contract"):
            if isinstance(planned.step, ParkColumn):
                step = planned.step
                column = step.parked if gate is GateName.PURGE else step.column
                yield judged(
                    f"no_dependents:{step.table}.{step.column}",
                    "pg_depend, pg_publication_tables",
                    f"things still name {column}",
                    lambda step=step, column=column: _dependents(reader, step, column),  # type: ignore[misc]
                )


def _dependents(reader: Reader, step: ParkColumn, column: str) -> tuple[int, tuple[str, ...]]:
    found = [d for d in reader.dependents(step.table) if d.column in ("", column)]
    return len(found), tuple(f"{d.kind} {d.name}" for d in found[:5])


plugin = NoDependents()
