"""CREATE TYPE … AS ENUM."""

from __future__ import annotations

from orchestrator.core.enumstep import CreateEnum
from orchestrator.core.ports import Observation
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._enum import named, other_values, values
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE
from orchestrator.dialects.postgres.text import fill, joined, literal


def _render(step: CreateEnum) -> Rendered:
    listed = joined(", ", [literal(value) for value in step.values])
    create = fill("CREATE TYPE {t} AS ENUM ({values})", t=named(step.type), values=listed)
    drop = fill("DROP TYPE IF EXISTS {t}", t=named(step.type))
    return Rendered(((create,),), "none", ((drop,),), "refused while something else uses the type")


def _observe(look: Look, step: CreateEnum) -> Observation:
    found = values(look, step.type)
    if found is None:
        return ABSENT
    if isinstance(found, Observation):
        return found
    return other_values(step.type, found, step.values) or DONE


plugin = Kind(_render, _observe, lambda step: step.type.schema)
