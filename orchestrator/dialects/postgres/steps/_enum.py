"""An enum type as the server has it."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.core.catalog import TypeName
from orchestrator.core.ports import Observation
from orchestrator.dialects.postgres.kinds import Look
from orchestrator.dialects.postgres.steps._seen import foreign
from orchestrator.dialects.postgres.text import Composed, fill, name

_VALUES = """
SELECT t.typtype::text,
       ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)
  FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
 WHERE n.nspname = %s AND t.typname = %s
"""


def named(type_: TypeName) -> Composed:
    """A schema-qualified type."""
    return fill("{s}.{n}", s=name(type_.schema), n=name(type_.name))


def values(look: Look, type_: TypeName) -> list[str] | Observation | None:
    """The values of the enum of that name in their order; foreign where the type is no enum, None where there is none."""
    row = look.row(_VALUES, type_.schema, type_.name)
    if row is None:
        return None
    kind, found = row
    return list(found) if kind == "e" else foreign(f"type {type_} is no enum")


def other_values(type_: TypeName, found: list[str], wanted: Iterable[str]) -> Observation | None:
    """Foreign where one of the values is missing or they stand in another order, else None; added ones do not matter."""
    listed = list(wanted)
    if [value for value in found if value in listed] == listed:
        return None
    return foreign(f"{type_} is ({', '.join(found)})", f"({', '.join(listed)})")
