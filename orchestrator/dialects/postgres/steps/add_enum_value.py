"""ALTER TYPE … ADD VALUE, which nothing takes back."""

from __future__ import annotations

from orchestrator.core.enumstep import AddEnumValue
from orchestrator.core.ports import Observation
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._enum import named, values
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, foreign, gone
from orchestrator.dialects.postgres.text import Composed, fill, literal


def _render(step: AddEnumValue) -> Rendered:
    statement = fill(
        "ALTER TYPE {t} ADD VALUE IF NOT EXISTS {v}{place}",
        t=named(step.type),
        v=literal(step.value),
        place=_place(step),
    )
    lock = f"EXCLUSIVE on the type {step.type}, blocks neither reads nor writes"
    note = f"none: a value cannot be taken out of an enum; {step.value!r} stays, and is in nobody's way while it is not written"
    return Rendered(((statement,),), lock, (), note)


def _place(step: AddEnumValue) -> Composed:
    if step.before is not None:
        return fill(" BEFORE {o}", o=literal(step.before))
    return fill(" AFTER {o}", o=literal(step.after)) if step.after is not None else fill("")


def _observe(look: Look, step: AddEnumValue) -> Observation:
    found = values(look, step.type)
    if found is None:
        return gone(f"type {step.type} is gone")
    if isinstance(found, Observation):
        return found
    if step.value not in found:
        return ABSENT
    where = found.index(step.value)
    later, earlier = found[where + 1 :], found[:where]
    if (step.before is None or step.before in later) and (step.after is None or step.after in earlier):
        return DONE
    return foreign(f"{step.type} is ({', '.join(found)})", _position(step))


def _position(step: AddEnumValue) -> str:
    return f"{step.value} {'before' if step.before is not None else 'after'} {step.before or step.after}"


plugin = Kind(_render, _observe, lambda step: step.type.schema)
