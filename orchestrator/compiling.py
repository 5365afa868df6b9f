"""From a change file to a stored Plan: parse, snapshot, compose, digest; and the Plan as people see it.

Why it exists: plan, submit and the expand gate must compile the same way, or what was approved would not be what is run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.core.asked import Asked
from orchestrator.core.catalog import TableName
from orchestrator.core.compose import compose
from orchestrator.core.errors import Blocked, PlanRefused, Stale
from orchestrator.core.expected import Size, expected
from orchestrator.core.footprint import clash
from orchestrator.core.partitioned import CreatePartitionedIndex
from orchestrator.core.plan import Plan, parse_plan, plan_json, takes_away
from orchestrator.core.step import AddExclusion, CreateIndex
from orchestrator.core.view import PlanView, StepView
from orchestrator.plugins import discover
from orchestrator.sizing import sizes, table_of
from state.digest import plan_sha256
from state.model import ChangeRow, State
from state.store import NewChange, NewStep

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from orchestrator.change import ChangeFile
    from orchestrator.config import Config
    from orchestrator.core.ports import Target

Targets = Callable[[str | None], "Target"]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A change file with its Plan and digest."""

    file: ChangeFile
    plan: Plan
    json: dict[str, Any]
    sha256: str


@dataclass(frozen=True, slots=True)
class Known:
    """A change file as parsed, before any database is asked."""

    change: str
    definition: dict[str, Any]


def _parse(source: str, path: str) -> ChangeFile:
    from orchestrator.change import parse

    return parse(source, path, discover("orchestrator.operations"))


def known(source: str, path: str) -> Known:
    """Parse only. Raises Invalid."""
    file = _parse(source, path)
    return Known(file.change, file.definition())


def has_begun(connection: Connection, found: Known) -> bool:
    """Whether this very change has begun; it is not planned against what its own steps made of the schema.

    Raises ConflictingChange when another one has begun under its id.
    """
    from state import queries
    from state.errors import ConflictingChange, UnknownChange
    from state.submitting import conflict

    try:
        before = queries.change(connection, found.change)
    except UnknownChange:
        return False
    if before.state is State.PLANNED:
        return False
    if before.definition != found.definition:
        raise ConflictingChange(conflict(before))
    return True


def compiled(source: str, path: str, config: Config, targets: Targets) -> Compiled:
    """Compile a change file against its target. Raises Invalid, PlanRefused, Unreachable."""
    file = _parse(source, path)
    chosen = config.target(file.target)
    return _compile(file, chosen.name, targets(chosen.name))


def _compile(file: ChangeFile, name: str, target: Target) -> Compiled:
    operations, settings = file.operations, file.settings()
    catalog = target.snapshot(
        Asked(
            tables=tuple(table for operation in operations for table in operation.tables()),
            questions=tuple(question for operation in operations for question in operation.questions()),
            types=tuple(type_ for operation in operations for type_ in operation.types()),
            statements=tuple(text for operation in operations for text in operation.statements()),
            queries=tuple(text for operation in operations for text in operation.queries()),
            views=settings.views,
            actions=tuple(pair for operation in operations for pair in operation.actions()),
        )
    )
    plan = compose(
        operations, catalog, settings, target=name, verify=file.queries(), gates=file.policies(), readers=file.watched()
    )
    _names_are_free(plan, target)
    data = plan_json(plan)
    data["checks"] = _gates_with_checks(plan)
    return Compiled(file, plan, data, plan_sha256(data))


def _names_are_free(plan: Plan, target: Target) -> None:
    """Indexes share their names with the tables and indexes of the whole schema. Raises PlanRefused."""
    kinds = (CreateIndex, CreatePartitionedIndex, AddExclusion)
    steps = [planned.step for planned in plan.steps]
    built = {TableName(step.table.schema, step.name) for step in steps if isinstance(step, kinds)}
    if taken := target.taken(sorted(built)):
        raise PlanRefused(
            f"there is a relation {taken[0]} already, so no index can bear that name", "choose another name:"
        )


def readers_can_be_seen(plan: Plan, target: Target) -> None:
    """Refuse a change when nothing will be able to tell who still reads what contract takes away: later it cannot be altered.

    Raises PlanRefused with the ways around.
    """
    if plan.readers.statements != "pg_stat_statements" or not takes_away(plan):
        return
    with target.reader() as reader:
        missing = reader.usage((), ()).missing
    if missing:
        raise PlanRefused(
            f"before contract nothing could tell who still reads the old shape: {missing}",
            "do so; or write into the change file `readers: {statements: file}` to give captured statements with"
            " --statements FILE, or `readers: {statements: none, reason: WHY}` to go without that proof",
        )


def _gates_with_checks(plan: Plan) -> list[str]:
    """Gates that ask for Checks: stored, so that a status needs neither Plan nor Checks."""
    from orchestrator.engine.verify import expected
    from state.model import GateName

    checks = discover("orchestrator.checks").values()
    return [gate.value for gate in GateName if expected(checks, plan, gate)]


def records(found: Compiled, source: str) -> tuple[NewChange, list[NewStep]]:
    """What the Registry stores."""
    from orchestrator.engine.run import step_id

    plan = found.plan
    change = NewChange(
        id=plan.change_id,
        title=found.file.title or plan.change_id,
        target=plan.target,
        source=source,
        definition=found.file.definition(),
        plan=found.json,
        plan_sha256=found.sha256,
        approvals_needed={gate: policy.approvals for gate, policy in plan.gates.items()},
    )
    steps = [
        NewStep(
            planned.ordinal,
            step_id(found.sha256, plan.change_id, planned.ordinal),
            planned.phase,
            planned.step.kind,
            planned.description,
            stored["step"],
        )
        for planned, stored in zip(plan.steps, found.json["steps"], strict=True)
    ]
    return change, steps


def apart(found: Compiled, others: Iterable[ChangeRow]) -> None:
    """Refuse a Change that meets another one under way. Raises Blocked, naming the other and over what they meet."""
    for other in others:
        if (place := clash(found.plan.footprint, parse_plan(other.plan).footprint)) is not None:
            raise Blocked(
                f"{found.plan.change_id} and {other.id}, which is {other.state.value}, both need {place}",
                f"take {other.id} to completed, or abort it, first: orch status {other.id}; then orch submit the file again",
            )


def still_fits(row: ChangeRow, target: Target) -> None:
    """Refuse to expand when the same file would now compile to another Plan, or to none. Raises Stale."""
    file = _parse(row.source, row.id)
    reason = ""
    try:
        if _compile(file, row.target, target).sha256 == row.plan_sha256:
            return
    except PlanRefused as refused:
        reason = f": {refused.message}"
    raise Stale(
        f"the schema of {row.target} has changed since {row.id} was planned: the plan no longer fits{reason}",
        "orch plan FILE to see the new plan, then orch submit FILE to replace it (approvals are asked for again)",
    )


def view(plan: Plan, sha256: str, target: Target, phase: str | None = None) -> PlanView:
    """The Plan (or one phase of it) with exact SQL, locks, undo, and how large what it meets is."""
    found = sizes(plan, target)
    return PlanView(
        change=plan.change_id,
        target=plan.target,
        plan_sha256=sha256,
        steps=tuple(_step(planned, target, found) for planned in plan.steps if phase in (None, planned.phase)),
        notes=plan.notes,
        parks=plan.parks,
    )


def _step(planned: Any, target: Target, found: Mapping[TableName, Size]) -> StepView:
    shown, table = target.sql(planned.step), table_of(planned.step)
    size = found.get(table) if table is not None else None
    return StepView(
        ordinal=planned.ordinal,
        phase=planned.phase,
        kind=planned.step.kind,
        description=planned.description,
        sql=tuple(statement for message in shown.messages for statement in message),
        lock=shown.lock,
        rewrites=shown.rewrites,
        scans=shown.scans,
        undo=tuple(statement for message in shown.undo for statement in message),
        undo_note=shown.undo_note,
        table=str(table) if table is not None else "",
        rows=size.rows if size is not None else None,
        bytes=size.bytes if size is not None else None,
        expected=expected(planned.step.kind, scans=shown.scans, rewrites=shown.rewrites, size=size),
    )
