"""What stands at a Gate of a stored Change: its Checks, its evidence, and what going back would lose.

Why it exists: approve, advance and verify ask the same questions about the same gate; they ask them here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from orchestrator.core.check import Check
from orchestrator.core.control import Control, control
from orchestrator.core.errors import Blocked, Stale, Waiting
from orchestrator.core.gate import EVIDENCE_MAX_AGE
from orchestrator.core.parkstep import ParkColumn
from orchestrator.core.plan import Plan, parse_plan
from orchestrator.core.ports import Examiner, Seen, Target
from orchestrator.core.progress import Listener, nobody, onward
from orchestrator.core.reading import Usage
from orchestrator.core.step import InstallSync
from orchestrator.core.sync import Mirror
from orchestrator.plugins import discover
from orchestrator.refusals import explained
from state import queries
from state.digest import NO_FINDINGS, evidence_sha256
from state.machine import GATE_AHEAD
from state.model import ChangeRow, Evidence, GateName, Rehearsed, State, Verdict
from state.store import Registry

if TYPE_CHECKING:
    from collections.abc import Iterable


def plan_of(row: ChangeRow) -> Plan:
    """The stored Plan of a Change."""
    return parse_plan(row.plan)


def _control(row: ChangeRow) -> Control:
    """What work on its tables is held to, as the file says it."""
    return control(row.definition.get("backfill", {}))


def ahead(row: ChangeRow, wanted: GateName | None) -> GateName:
    """The gate a Change rests at. Raises Blocked when it rests at none, or at another than ``wanted``."""
    gate = GATE_AHEAD.get(row.state)
    if gate is None:
        raise Blocked(f"{row.id} is {row.state.value}: it waits at no gate", f"orch status {row.id}")
    if wanted is not None and wanted is not gate:
        raise Blocked(f"{row.id} waits at the {gate.value} gate, not at {wanted.value}", f"orch status {row.id}")
    return gate


def same_version(row: ChangeRow, seen: int | None) -> None:
    """Refuse to act on what an operator saw before something changed. Raises Stale."""
    if seen is not None and seen != row.version:
        raise Stale(
            f"{row.id} has changed since you looked (version {seen}, now {row.version})", f"orch status {row.id}"
        )


def checks_of(row: ChangeRow, gate: GateName) -> tuple[Check, ...]:
    """The Checks a Gate asks for."""
    from orchestrator.engine.verify import expected

    checks: Iterable[Check] = discover("orchestrator.checks").values()
    return expected(checks, plan_of(row), gate)


def fresh(
    registry: Registry,
    row: ChangeRow,
    gate: GateName,
    target: Target,
    listen: Listener,
    proceed: Callable[[], None] = onward,
    captured: Usage | None = None,
) -> None:
    """See to it that the gate's evidence is young enough to open it: run its Checks again when it is not.

    They run, too, where ``captured`` brings statements in use. What went on with an earlier look may be too old when it ends:
    then it is all looked at again. A login that may not record evidence decides on what a worker saw last; whoever opens the
    gate looks again, and new findings void the decision. Raises Waiting when there is none yet.
    """
    with registry.reading() as connection:
        found = queries.latest_evidence(connection, row.id, gate)
        young = found is not None and _young(connection, found)
        may = queries.may_record_evidence(connection)
    if (young and captured is None) or not checks_of(row, gate):
        return
    if may:
        taken = verify(registry, row, gate, target, listen, proceed=proceed, captured=captured)
        if registry.now() - taken.at > EVIDENCE_MAX_AGE:
            verify(registry, row, gate, target, listen, proceed=proceed, captured=captured)
    elif found is None:
        raise Waiting(
            f"there is no evidence at the {gate.value} gate of {row.id} yet, and this login may not record any",
            f"orch advance {row.id} --no-run asks a worker for it; then decide",
        )


def _young(connection: Connection, found: Evidence) -> bool:
    """Whether evidence still counts: not for long, and not past a step that was brought about again, or a rehearsal."""
    age = queries.evidence_age_seconds(connection, found.change_id, found.gate)
    moved = [step.finished_at for step in queries.steps(connection, found.change_id)]
    rehearsed = _last_rehearsal(connection, found.change_id)
    moved += [rehearsed.at] if rehearsed is not None else []
    since = all(moment is None or moment <= found.at for moment in moved)
    return since and age is not None and age < EVIDENCE_MAX_AGE.total_seconds()


def evidence_digest(connection: Connection, row: ChangeRow, gate: GateName) -> str:
    """The digest an approval names now."""
    found = queries.latest_evidence(connection, row.id, gate)
    return found.sha256 if found else NO_FINDINGS


def validity(row: ChangeRow, gate: GateName) -> timedelta:
    """How long an approval of this gate counts."""
    return timedelta(seconds=plan_of(row).policy(gate.value).expires)


def verify(
    registry: Registry,
    row: ChangeRow,
    gate: GateName,
    target: Target,
    listen: Listener,
    *,
    only: Sequence[str] = (),
    proceed: Callable[[], None] = onward,
    captured: Usage | None = None,
) -> Evidence:
    """Run a Gate's Checks and keep what they saw; with ``only``, run those and keep nothing. Raises Blocked.

    ``proceed`` is called between two ranges of a comparison, and may raise.
    """
    from orchestrator.engine.verify import book, keep, run

    plan = plan_of(row)
    with explained():
        ask = partial(
            run,
            plan=plan,
            gate=gate,
            target=target,
            control=_control(row),
            listen=listen,
            proceed=proceed,
            captured=captured,
            rehearsed=_rehearsed(registry, row),
        )
        if only:
            found = ask(_named(row, gate, only)).findings
            return Evidence(row.id, gate, row.plan_sha256, evidence_sha256(found), found, registry.now())
        look = ask(checks_of(row, gate), kept=book(registry, plan, gate, row.plan_sha256))
        return keep(registry, plan, gate, look, row.plan_sha256)


def _last_rehearsal(connection: Connection, change_id: str) -> Rehearsed | None:
    return queries.rehearsals(queries.said(connection, [change_id])).get(change_id)


def _rehearsed(registry: Registry, row: ChangeRow) -> Rehearsed | None:
    """The last rehearsal, if it was one of the Plan of today."""
    with registry.reading() as connection:
        found = _last_rehearsal(connection, row.id)
    return found if found is not None and found.plan_sha256 == row.plan_sha256 else None


def _named(row: ChangeRow, gate: GateName, only: Sequence[str]) -> tuple[Check, ...]:
    """Some of the Checks of a Gate. Raises Blocked with the names that it has."""
    checks = checks_of(row, gate)
    unknown = set(only) - {check.name for check in checks}
    if unknown:
        known = ", ".join(check.name for check in checks) or "none"
        raise Blocked(f"the {gate.value} gate has no check {', '.join(sorted(unknown))}", f"its checks: {known}")
    return tuple(check for check in checks if check.name in only)


def passes(row: ChangeRow, gate: GateName, target: Target, listen: Listener, captured: Usage | None = None) -> None:
    """See to it that every Check of a gate passes now. Keeps nothing. Raises Blocked with what did not."""
    from orchestrator.engine.verify import run

    with explained():
        look = run(checks_of(row, gate), plan_of(row), gate, target, _control(row), listen, captured=captured)
    failed = [found for found in look.findings if found.verdict is not Verdict.PASS]
    if failed:
        said = "; ".join(f"{found.name}: {found.detail}" for found in failed)
        raise Blocked(f"checks of {row.id} do not pass: {said}", f"repair what they name, then orch advance {row.id}")


def going_back_loses(row: ChangeRow, target: Target, verb: str) -> None:
    """Refuse to go back while rows hold values that only the new shape can (F16). Raises Blocked with keys."""
    from orchestrator.engine.verify import examining

    if row.state in (State.PLANNED, State.COMPLETED):
        return
    plan = plan_of(row)
    with explained(), examining(target, plan, _control(row), nobody) as reader:
        if verb == "abort" or row.state is State.ABORTING:
            _still_used(row, plan, reader)
        _would_forbid(row, plan, reader, verb)
        for mirror in plan.mirrors():
            _would_lose(row, plan, mirror, reader, verb)


def _still_used(row: ChangeRow, plan: Plan, reader: Examiner) -> None:
    """Refuse to take the new shape from versions that are connected (F28). Raises Blocked with their names."""
    if plan.readers.new_versions is None:
        return
    from orchestrator.checks.nothing_reads_old import sessions

    count, names = sessions(plan.readers.new_versions, reader)
    if count:
        raise Blocked(
            f"{count} sessions of new versions are connected, whose shape {row.id} would take away: {', '.join(names)}",
            f"bring the old version back, then orch {'advance' if row.state is State.ABORTING else 'abort'} {row.id}",
        )


def _would_lose(row: ChangeRow, plan: Plan, mirror: Mirror, reader: Examiner, verb: str) -> None:
    """Refuse to lose what old columns cannot hold. A sync that is gone has been taken back before: then the question can no
    longer be asked, nor the answer help.
    """
    from orchestrator.checks.no_rejected_rows import rejected

    unasked = any(part.value is None for part in mirror.olds)
    if unasked or reader.observe(InstallSync(mirror), "").seen is Seen.ABSENT:
        return
    parked = _parked(plan, mirror, reader)
    found = rejected(reader, mirror.when_parked() if parked else mirror, "down", parked)
    if found.verdict is not Verdict.PASS:
        types = ", ".join(part.type for part in mirror.olds)
        raise Blocked(
            f"going back with {row.id} would lose values that only {', '.join(mirror.new_columns)} can hold: {found.detail}",
            f"bring those rows back into the range of {types}, then orch {verb} {row.id}",
        )


def _parked(plan: Plan, mirror: Mirror, reader: Examiner) -> dict[str, str]:
    """The present names of old columns that are parked."""
    parks = [planned.step for planned in plan.of("contract") if isinstance(planned.step, ParkColumn)]
    done = [p for p in parks if p.sync == mirror and reader.observe(p, "").seen is Seen.DONE]
    return {each.column: each.parked for p in done for each in p.columns}


def _would_forbid(row: ChangeRow, plan: Plan, reader: Examiner, verb: str) -> None:
    """Refuse to put a constraint back that rows break by now. Raises Blocked with keys."""
    from orchestrator.checks.rows_obey import lifted

    for finding in lifted(plan, ("expand", "backfill") if verb == "abort" else ("contract",), reader):
        if finding.verdict is not Verdict.PASS:
            raise Blocked(
                f"{verb} of {row.id} would forbid what rows hold by now: {finding.detail}",
                f"repair those rows, then orch {verb} {row.id}",
            )
