"""Does anything still read the old shape, which contract is to take away?

Asked of the statements in use, on a clone of the schema before and after contract's own Steps (F7), of every function whose
body names the table (F17), and of the sessions of old versions. What could not be seen is told with what was.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from orchestrator.checks._judge import judged
from orchestrator.checks._statements import SHOWN, missed, short, told
from orchestrator.core.catalog import TableName
from orchestrator.core.duration import words
from orchestrator.core.parkstep import ParkColumn, ParkTable
from orchestrator.core.plan import Plan, takes_away
from orchestrator.core.ports import ConnectionLost, Reader, TargetError
from orchestrator.core.reading import Coverage, How, Proof, Reads, Rehearsal, Usage
from orchestrator.core.viewstep import CreateView, RenameColumn, RenameTable
from state.model import Finding, GateName, Verdict

_ACCEPTED = {How.STAR: "star", How.WHOLE_ROW: "whole_row"}
_SESSIONS = """
SELECT a.application_name, count(*) FROM pg_catalog.pg_stat_activity a
 WHERE a.datname = pg_catalog.current_database() AND a.application_name LIKE %s AND a.application_name NOT LIKE 'orch:%%'
 GROUP BY 1 ORDER BY 1
"""
_NAMED = """
SELECT p.oid::regprocedure::text FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace JOIN pg_catalog.pg_language l ON l.oid = p.prolang
 WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'orch', 'orch_target') AND l.lanname NOT IN ('c', 'internal')
   AND (SELECT count(*) FROM unnest(%s::text[]) AS w(word)
         WHERE pg_catalog.strpos(pg_catalog.lower(p.prosrc), pg_catalog.lower(w.word)) > 0) = %s
 ORDER BY 1
"""


class NothingReadsOld:
    """Rehearses contract on a clone, and judges what statements in use and bodies of functions mean before and after."""

    name = "nothing_reads_old"
    gates = frozenset({GateName.CONTRACT})

    def findings(self, plan: Plan, gate: GateName, reader: Reader) -> Iterator[Finding]:
        """One Finding each for statements, functions, and sessions of old versions if the change file names them."""
        if not takes_away(plan):
            return
        if plan.readers.old_versions is not None:
            yield _sessions(plan.readers.old_versions, reader)
        yield from _proved(plan, reader)


def _sessions(pattern: str, reader: Reader) -> Finding:
    def count() -> tuple[int, tuple[str, ...]]:
        return sessions(pattern, reader)

    return judged("nothing_reads_old:sessions", f"application_name LIKE {pattern}", "sessions of old versions", count)


def sessions(pattern: str, reader: Reader) -> tuple[int, tuple[str, ...]]:
    """How many sessions have such an application_name, and some of the names. Raises TargetError."""
    found = reader.rows(_SESSIONS, (pattern,))
    return sum(number for _, number in found), tuple(str(name) for name, _ in found[:SHOWN])


def _proved(plan: Plan, reader: Reader) -> Iterator[Finding]:
    started = time.monotonic()
    name, definition = "nothing_reads_old:statements", _definition(plan)
    try:
        usage = reader.usage(_tables(plan), tuple(query.sql for query in plan.verify))
        if (absent := _absent(plan, usage)) is not None:
            yield Finding(name, definition, *absent)
            if absent[0] is Verdict.PASS:
                yield _texts(plan, definition, reader)
            return
        proof = reader.rehearse(_rehearsal(plan, usage))
        yield _statements(name, definition, plan, usage, proof, reader, started)
        if not proof.impossible:
            yield _functions(definition, proof)
    except ConnectionLost:
        raise
    except TargetError as error:
        detail = f"the server could not answer: SQLSTATE {error.sqlstate}"
        yield Finding(name, definition, Verdict.UNKNOWN, detail=detail, seconds=time.monotonic() - started)


def _definition(plan: Plan) -> str:
    asked = plan.readers
    accepted = f", {' and '.join(asked.accept)} accepted" if asked.accept else ""
    return f"statements: {asked.statements}, quiet for {words(asked.period)}{accepted}; {', '.join(map(str, _tables(plan)))}"


def _texts(plan: Plan, definition: str, reader: Reader) -> Finding:
    """Where nothing is proved, at least the functions whose text names what goes: shown to approvers, and no verdict on them."""
    started = time.monotonic()
    found = sorted({str(label) for words in _goes(plan) for (label,) in reader.rows(_NAMED, (list(words), len(words)))})
    detail = f"NOT PROVED, functions are not tried; {len(found)} name what goes in their text"
    detail = ": ".join([detail, ", ".join(found[:SHOWN])] if found else [detail])
    effort = time.monotonic() - started
    return Finding(
        "nothing_reads_old:functions", definition, Verdict.PASS, 0, tuple(found[:SHOWN]), detail, len(found), effort
    )


def _goes(plan: Plan) -> Iterator[tuple[str, ...]]:
    """The words by which a text would name what contract takes away."""
    for step in (planned.step for planned in plan.of("contract")):
        if isinstance(step, ParkColumn):
            yield from ((step.table.name, each.column) for each in step.columns)
        elif isinstance(step, RenameColumn):
            yield step.table.name, step.column
        elif isinstance(step, ParkTable):
            yield (step.table.name,)
        elif isinstance(step, RenameTable):
            yield (step.view.table.name,)


def _absent(plan: Plan, usage: Usage) -> tuple[Verdict, int, tuple[str, ...], str] | None:
    """The verdict where there are no statements to be judged: by decision of the change file, or for want of a source."""
    captured = usage.coverage.source == "file"
    if plan.readers.statements == "none" and not captured:
        return Verdict.PASS, 0, (), f"NOT PROVED, statements in use are not looked at: {plan.readers.reason}"
    if plan.readers.statements == "file" and not captured:
        step = f"orch verify {plan.change_id} --statements FILE (so do approve and advance)"
        return Verdict.UNKNOWN, 0, (), f"no statements were given: {step}"
    return (Verdict.UNKNOWN, 0, (), usage.missing) if usage.missing else None


def _tables(plan: Plan) -> tuple[TableName, ...]:
    found: dict[TableName, None] = {}
    for step in (planned.step for planned in plan.of("contract")):
        if isinstance(step, ParkColumn | ParkTable | RenameColumn):
            found[step.table] = None
        elif isinstance(step, RenameTable):
            found[step.view.table] = found[step.view.view] = None
    return tuple(found)


def _rehearsal(plan: Plan, usage: Usage) -> Rehearsal:
    views = tuple(planned.step for planned in plan.steps if isinstance(planned.step, CreateView))
    return Rehearsal(
        change_id=plan.change_id,
        syncs=tuple(sync.id for sync in plan.syncs()),
        views=views,
        steps=tuple(planned.step for planned in plan.of("contract")),
        tables=_tables(plan),
        statements=usage.statements,
    )


def _statements(
    name: str, definition: str, plan: Plan, usage: Usage, proof: Proof, reader: Reader, started: float
) -> Finding:
    if proof.impossible:
        step = f"; {proof.step}" if proof.step else ""
        return Finding(name, definition, Verdict.UNKNOWN, detail=f"nothing could be proved: {proof.impossible}{step}")
    accepted = [each for each in proof.reads if _ACCEPTED.get(each.how) in plan.readers.accept]
    found = [each for each in proof.reads if each not in accepted]
    alive, over = _alive(plan, usage, found, reader)
    suspicious = [each for each in proof.unread if each.named]
    lately = _too_short(plan, usage.coverage)
    verdict = (
        Verdict.FAIL if alive else Verdict.UNKNOWN if suspicious or lately or usage.coverage.hidden else Verdict.PASS
    )
    parts = [f"{len(alive)} of {proof.judged} statements in use depend on the old shape"]
    parts += [told(each) for each in alive[:SHOWN]]
    parts += [f"{len(over)} more did, not called for {words(plan.readers.period)}"] if over else []
    parts += [f"{len(accepted)} accepted by the change: {plan.readers.reason}"] if accepted else []
    parts += [
        f"cannot be judged, and names it: {short(each.statement.text)}: {each.why}" for each in suspicious[:SHOWN]
    ]
    parts += [*lately, *missed(usage.coverage, proof)]
    samples = tuple(sorted(each.statement.digest for each in alive)[:SHOWN])
    return Finding(
        name, definition, verdict, len(alive), samples, "; ".join(parts), proof.judged, time.monotonic() - started
    )


def _alive(plan: Plan, usage: Usage, found: Sequence[Reads], reader: Reader) -> tuple[list[Reads], list[Reads]]:
    """Those that may still be sent, and those whose count has stood still for the whole period."""
    counted = {
        f"{each.statement.digest}/{each.statement.id}": each for each in found if each.statement.calls is not None
    }
    if usage.coverage.source == "file" or not counted:
        return list(found), []
    calls = {key: each.statement.calls or 0 for key, each in counted.items()}
    quiet = reader.quiet(plan.change_id, calls)
    over = [each for key, each in counted.items() if 0.0 < quiet.get(key, 0.0) >= plan.readers.period]
    return [each for each in found if each not in over], over


def _too_short(plan: Plan, coverage: Coverage) -> list[str]:
    if coverage.source == "file":
        return []
    if coverage.track == "none":
        return ["pg_stat_statements.track is none: nothing is being recorded"]
    if coverage.observed is None or coverage.observed >= plan.readers.period:
        return []
    return [f"observed for {words(coverage.observed)} of {words(plan.readers.period)}"]


def _functions(definition: str, proof: Proof) -> Finding:
    sure = [each for each in proof.bodies if each.sure]
    verdict = Verdict.FAIL if sure else Verdict.UNKNOWN if proof.bodies else Verdict.PASS
    named = [
        f"{each.name}: {each.why}{'' if each.sure else ' (as a text only: look at it)'}"
        for each in proof.bodies[:SHOWN]
    ]
    detail = "; ".join([f"{len(proof.bodies)} of {proof.functions} functions depend on the old shape", *named])
    if proof.untried:
        detail += f"; writes that could not be tried: {', '.join(proof.untried[:SHOWN])}"
    samples = tuple(each.name for each in proof.bodies[:SHOWN])
    return Finding(
        "nothing_reads_old:functions", definition, verdict, len(proof.bodies), samples, detail, proof.functions
    )


plugin = NothingReadsOld()
