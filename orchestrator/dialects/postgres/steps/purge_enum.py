"""The real drop of an enum type, unless something uses it.

Whoever began to use it while the column was parked keeps it: a purge that failed for that could never end.
"""

from __future__ import annotations

from orchestrator.core.enumstep import PurgeEnum
from orchestrator.core.ports import Observation
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._enum import named, other_values, values
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE
from orchestrator.dialects.postgres.text import fill, literal, text


def _render(step: PurgeEnum) -> Rendered:
    body = fill(
        "BEGIN DROP TYPE IF EXISTS {t}; EXCEPTION WHEN dependent_objects_still_exist THEN NULL; END", t=named(step.type)
    )
    drop = fill("DO {body}", body=literal(text(body)))
    note = "none: the type is dropped; it stays where something else uses it by then"
    return Rendered(((drop,),), f"ACCESS EXCLUSIVE on the type {step.type}", (), note)


def _observe(look: Look, step: PurgeEnum) -> Observation:
    """Where the type stayed, the marker alone tells that it was tried."""
    found = values(look, step.type)
    if found is None or look.marked():
        return DONE
    if isinstance(found, Observation):
        return found
    return other_values(step.type, found, step.values) or ABSENT


plugin = Kind(_render, _observe, lambda step: step.type.schema)
