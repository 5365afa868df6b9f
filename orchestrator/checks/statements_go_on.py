"""Do the statements in use, and the triggers of the tables, work on once expand has run?

A new column is one more name: it is captured by a subquery, makes a join ambiguous, is shared by a NATURAL JOIN (F7); and a
trigger that copies whole rows fails at every write (F17). So expand is rehearsed on a clone of the schema. That a ``SELECT *``
gets one column more is documented, and no reason to stop.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from orchestrator.checks._statements import SHOWN, missed, told
from orchestrator.core.catalog import TableName
from orchestrator.core.plan import Plan, takes_away
from orchestrator.core.ports import ConnectionLost, Reader, TargetError
from orchestrator.core.reading import How, Proof, Rehearsal, Usage
from orchestrator.core.step import InstallSync
from state.model import Finding, GateName, Verdict

_HARMLESS = frozenset({How.STAR, How.WHOLE_ROW})
_TRIGGERS = """
SELECT 1 FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
 WHERE n.nspname = %s AND c.relname = %s AND NOT t.tgisinternal AND p.pronamespace <> 'orch_target'::regnamespace LIMIT 1
"""


class StatementsGoOn:
    """Rehearses expand on a clone, where there are statements or triggers to try."""

    name = "statements_go_on"
    gates = frozenset({GateName.EXPAND})

    def findings(self, plan: Plan, gate: GateName, reader: Reader) -> Iterator[Finding]:
        """One Finding, for plans that touch a table in expand."""
        if tables := _tables(plan):
            yield _found(plan, tables, reader)


def _tables(plan: Plan) -> tuple[TableName, ...]:
    found: dict[TableName, None] = {}
    for step in (planned.step for planned in plan.of("expand")):
        table = step.sync.table if isinstance(step, InstallSync) else getattr(step, "table", None)
        if isinstance(table, TableName):
            found[table] = None
    return tuple(found)


def _found(plan: Plan, tables: tuple[TableName, ...], reader: Reader) -> Finding:
    started = time.monotonic()
    definition = f"expand on {', '.join(map(str, tables))}"
    try:
        usage = reader.usage(tables, tuple(query.sql for query in plan.verify))
        if not usage.statements and not any(reader.rows(_TRIGGERS, (t.schema, t.name)) for t in tables):
            return Finding(StatementsGoOn.name, definition, Verdict.PASS, detail=_nothing(plan, usage))
        steps = tuple(planned.step for planned in plan.of("expand"))
        proof = reader.rehearse(Rehearsal(plan.change_id, (), (), steps, tables, usage.statements))
    except ConnectionLost:
        raise
    except TargetError as error:
        detail = f"the server could not answer: SQLSTATE {error.sqlstate}"
        return Finding(StatementsGoOn.name, definition, Verdict.UNKNOWN, detail=detail)
    return _judged(plan, definition, usage, proof, time.monotonic() - started)


def _nothing(plan: Plan, usage: Usage) -> str:
    """Why nothing was tried."""
    if not usage.missing:
        return "no statement in use names the table, and it has no triggers"
    how = f"orch verify {plan.change_id} --statements FILE has those of a file tried"
    return f"NOT PROVED, statements in use are not known ({usage.missing.split(':')[0]}); {how}"


def _judged(plan: Plan, definition: str, usage: Usage, proof: Proof, seconds: float) -> Finding:
    """Where no clone can be made, a change that needs one before contract is told so now, and not then."""
    if proof.impossible:
        needed = takes_away(plan) and plan.readers.statements != "none"
        verdict = Verdict.UNKNOWN if needed else Verdict.PASS
        detail = f"NOT PROVED, expand could not be tried: {proof.impossible}{f'; {proof.step}' if proof.step else ''}"
        return Finding(StatementsGoOn.name, definition, verdict, detail=detail, seconds=seconds)
    broken = [each for each in proof.reads if each.how not in _HARMLESS]
    bodies = [each for each in proof.bodies if each.sure]
    count = len(broken) + len(bodies)
    parts = [f"{count} of {proof.judged} statements and {proof.functions} functions would not work on after expand"]
    parts += [told(each) for each in broken[:SHOWN]] + [f"{each.name}: {each.why}" for each in bodies[:SHOWN]]
    samples = tuple(sorted([*(each.statement.digest for each in broken), *(each.name for each in bodies)])[:SHOWN])
    return Finding(
        StatementsGoOn.name,
        definition,
        Verdict.FAIL if count else Verdict.PASS,
        count,
        samples,
        "; ".join([*parts, missed(usage.coverage, proof)[0]]),
        proof.judged,
        seconds,
    )


plugin = StatementsGoOn()
