"""The end of a version's schema."""

from __future__ import annotations

from orchestrator.core.ports import Observation, Seen
from orchestrator.core.viewstep import DropSchema
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._schema import dropped, schema_state
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE


def _render(step: DropSchema) -> Rendered:
    note = "none: the version's names are the tables' own by now"
    return Rendered(((dropped(step.schema),),), "none on any table; refused while anything else is in it", (), note)


def _observe(look: Look, step: DropSchema) -> Observation:
    found = schema_state(look, step.schema, step.change_id)
    return {Seen.DONE: ABSENT, Seen.ABSENT: DONE}.get(found.seen, found)


plugin = Kind(_render, _observe, lambda step: step.schema)
