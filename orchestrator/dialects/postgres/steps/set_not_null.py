"""SET NOT NULL, proved by a validated CHECK that ends in the same transaction."""

from __future__ import annotations

from orchestrator.core.ports import Observation
from orchestrator.core.step import SetNotNull
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


def _render(step: SetNotNull) -> Rendered:
    forward = set_not_null(step.table, step.column, step.proof)
    # Proved again while NOT NULL still stands: the gate to which undo leads asks for it.
    undo = (
        (drop_constraint_if_exists(step.table, step.proof), not_null_check(step.table, step.proof, step.column)),
        (validate(step.table, step.proof),),
        (drop_not_null(step.table, step.column),),
    )
    lock = f"{exclusive(step.table)}: the validated CHECK spares the scan"
    return Rendered((forward,), lock, undo, undo_scans=1)


def _observe(look: Look, step: SetNotNull) -> Observation:
    found = columns(look, step.table)
    if (wrong := missing(found, step.table, step.column)) is not None:
        return wrong
    if (wrong := other_constraint(look, step.table, step.proof, not_null_proof(step.column))) is not None:
        return wrong
    if not found[step.column][1]:
        return ABSENT
    if constraint(look, step.table, step.proof) is not None:
        return partial(f"{step.table}.{step.column} is NOT NULL and its proof {step.proof} still stands")
    return DONE


plugin = Kind(_render, _observe)
