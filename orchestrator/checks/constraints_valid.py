"""Is every constraint that the plan added there, and validated?"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.checks._judge import DATA_GATES, judged
from orchestrator.core.plan import Plan
from orchestrator.core.ports import Reader
from orchestrator.core.step import ValidateConstraint
from state.model import Finding, GateName

_QUERY = """
SELECT k.convalidated FROM pg_catalog.pg_constraint k
  JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND c.relname = %s AND k.conname = %s
"""
_NOT_NULL = """
SELECT count(*) FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND c.relname = %s AND a.attname = %s AND a.attnotnull
"""


class ConstraintsValid:
    """Looks up every constraint that backfill validated; a proof that became NOT NULL counts as valid."""

    name = "constraints_valid"
    gates = DATA_GATES

    def findings(self, plan: Plan, gate: GateName, reader: Reader) -> Iterator[Finding]:
        """One Finding for all of them, if there are any."""
        wanted = [p.step for p in plan.of("expand", "backfill") if isinstance(p.step, ValidateConstraint)]
        if wanted:
            proofs = _proofs(plan)
            yield judged(
                "constraints_valid",
                _QUERY,
                "constraints are missing or not validated",
                lambda: _bad(reader, wanted, proofs),
            )


def _proofs(plan: Plan) -> dict[str, str]:
    """Proof constraints by name, with the column they prove.

    Contract may turn one into NOT NULL, and be asked again when a target fell back into the middle of it.
    """
    return {p.step.proof: p.step.column for p in plan.of("backfill", "contract") if p.step.kind == "set_not_null"}


def _bad(reader: Reader, wanted: list[ValidateConstraint], proofs: dict[str, str]) -> tuple[int, tuple[str, ...]]:
    bad = tuple(step.name for step in wanted if not _valid(reader, step, proofs.get(step.name)))
    return len(bad), bad[:5]


def _valid(reader: Reader, step: ValidateConstraint, column: str | None) -> bool:
    place = (step.table.schema, step.table.name)
    rows = reader.rows(_QUERY, (*place, step.name))
    if rows:
        return bool(rows[0][0])
    return column is not None and bool(reader.rows(_NOT_NULL, (*place, column))[0][0])


plugin = ConstraintsValid()
