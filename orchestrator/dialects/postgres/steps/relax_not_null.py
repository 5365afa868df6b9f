"""DROP NOT NULL; undone by a CHECK, its validation, and SET NOT NULL."""

from __future__ import annotations

from orchestrator.core.ports import Observation
from orchestrator.core.step import RelaxNotNull
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._alter import (
    drop_constraint_if_exists,
    drop_not_null,
    exclusive,
    not_null_check,
    set_not_null,
    validate,
)
from orchestrator.dialects.postgres.steps._seen import (
    ABSENT,
    DONE,
    columns,
    constraint,
    missing,
    not_null_proof,
    other_constraint,
    partial,
)


def _render(step: RelaxNotNull) -> Rendered:
    undo = (
        (drop_constraint_if_exists(step.table, step.proof), not_null_check(step.table, step.proof, step.column)),
        (validate(step.table, step.proof),),
        set_not_null(step.table, step.column, step.proof),
    )
    forward = (drop_not_null(step.table, step.column),)
    repair = ((drop_constraint_if_exists(step.table, step.proof),),)
    return Rendered(
        (forward,), exclusive(step.table), undo, "refused while a row holds NULL in it", undo_scans=1, repair=repair
    )


def _observe(look: Look, step: RelaxNotNull) -> Observation:
    found = columns(look, step.table)
    if (wrong := missing(found, step.table, step.column)) is not None:
        return wrong
    if (wrong := other_constraint(look, step.table, step.proof, not_null_proof(step.column))) is not None:
        return wrong
    if found[step.column][1]:
        return ABSENT
    if constraint(look, step.table, step.proof) is not None:
        return partial(f"{step.table}.{step.column} may be NULL, but {step.proof} of a broken undo still forbids it")
    return DONE


plugin = Kind(_render, _observe)
