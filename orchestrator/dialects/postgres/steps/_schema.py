"""A schema of a version's own: how it is known as orch's, and dropped."""

from __future__ import annotations

from psycopg.sql import Composed

from orchestrator.core.ports import Observation
from orchestrator.dialects.postgres.kinds import Look
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, foreign
from orchestrator.dialects.postgres.text import MADE_BY, fill, name


def of_change(change_id: str) -> str:
    """The comment by which the schema of a change is known."""
    return MADE_BY + change_id


def dropped(schema: str) -> Composed:
    """DROP SCHEMA, which the server refuses while anything is in it."""
    return fill("DROP SCHEMA IF EXISTS {s}", s=name(schema))


_COMMENT = "SELECT pg_catalog.obj_description(oid, 'pg_namespace') FROM pg_catalog.pg_namespace WHERE nspname = %s"


def schema_state(look: Look, schema: str, change_id: str) -> Observation:
    """Done when it is there and this change's."""
    row = look.row(_COMMENT, schema)
    if row is None:
        return ABSENT
    wanted = of_change(change_id)
    return DONE if row[0] == wanted else foreign(f"schema {schema} has the comment {row[0] or 'none'}", wanted)
