"""The schema of a version's views, known as orch's by its comment."""

from __future__ import annotations

from orchestrator.core.ports import Observation
from orchestrator.core.viewstep import CreateSchema
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._schema import dropped, of_change, schema_state
from orchestrator.dialects.postgres.text import fill, literal, name, raw


def _render(step: CreateSchema) -> Rendered:
    where = name(step.schema)
    forward = [
        fill("CREATE SCHEMA {s}", s=where),
        fill("COMMENT ON SCHEMA {s} IS {x}", s=where, x=literal(of_change(step.change_id))),
    ]
    grant = "GRANT USAGE ON SCHEMA {s} TO {who}"
    forward += [fill(grant, s=where, who=name(grantee) if grantee else raw("PUBLIC")) for grantee in step.usage]
    note = "refused while anything but the change's views is in it"
    return Rendered((tuple(forward),), "none on any table", ((dropped(step.schema),),), note)


def _observe(look: Look, step: CreateSchema) -> Observation:
    """By its comment: a schema of that name that somebody else made is never dropped by undo."""
    return schema_state(look, step.schema, step.change_id)


plugin = Kind(_render, _observe, lambda step: step.schema)
