"""ALTER TYPE … ADD VALUE, which nothing takes back."""

from __future__ import annotations

from orchestrator.core.ports import Observation
from orchestrator.core.step import AddEnumValue
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, foreign, gone
from orchestrator.dialects.postgres.text import Composed, fill, literal, name


def _render(step: AddEnumValue) -> Rendered:
    statement = fill(
        "ALTER TYPE {t} ADD VALUE IF NOT EXISTS {v}{place}",
        t=fill("{s}.{n}", s=name(step.type.schema), n=name(step.type.name)),
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


_VALUES = """
SELECT t.typtype::text,
       ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)
  FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
 WHERE n.nspname = %s AND t.typname = %s
"""


def _observe(look: Look, step: AddEnumValue) -> Observation:
    row = look.row(_VALUES, step.type.schema, step.type.name)
    if row is None:
        return gone(f"type {step.type} is gone")
    kind, values = row
    if kind != "e":
        return foreign(f"type {step.type} is no enum")
    if step.value not in values:
        return ABSENT
    where = values.index(step.value)
    later, earlier = values[where + 1 :], values[:where]
    if (step.before is None or step.before in later) and (step.after is None or step.after in earlier):
        return DONE
    return foreign(f"{step.type} is ({', '.join(values)})", _position(step))


def _position(step: AddEnumValue) -> str:
    return f"{step.value} {'before' if step.before is not None else 'after'} {step.before or step.after}"


plugin = Kind(_render, _observe, lambda step: step.type.schema)
