"""A numbered column becomes an identity, for a change in the catalog: its sequence goes on where the first one stood."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg.sql import Composed

from orchestrator.core.identitystep import MakeIdentity
from orchestrator.core.ports import Observation
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.snapshot import quoted_name
from orchestrator.dialects.postgres.steps._alter import alter, exclusive, locked
from orchestrator.dialects.postgres.steps._numbers import numbered, numbering, own, unnumbered
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, foreign, gone
from orchestrator.dialects.postgres.text import Composable, fill, literal, name, raw


def _render(step: MakeIdentity) -> Rendered:
    return Rendered((tuple(_forward(step)),), exclusive(step.table), (tuple(_undo(step)),))


def _forward(step: MakeIdentity) -> Iterator[Composed]:
    """The lock first: no number is taken from either sequence meanwhile."""
    first = literal(quoted_name(step.sequence))
    kind = raw("ALWAYS" if step.always else "BY DEFAULT")
    yield locked(step.table)
    yield alter(step.table, "ALTER COLUMN {c} DROP DEFAULT", c=name(step.column))
    yield alter(step.table, "ALTER COLUMN {c} ADD GENERATED {k} AS IDENTITY", c=name(step.column), k=kind)
    yield _continued(own(step.table, step.column), first)
    yield from tuple(unnumbered(step))[1:]


def _undo(step: MakeIdentity) -> Iterator[Composed]:
    sequence, default = tuple(numbered(step))[:2], tuple(numbered(step))[2]
    yield locked(step.table)
    yield from sequence
    yield _continued(literal(quoted_name(step.sequence)), own(step.table, step.column))
    yield alter(step.table, "ALTER COLUMN {c} DROP IDENTITY", c=name(step.column))
    yield default


def _continued(sequence: Composable, other: Composable) -> Composed:
    """A sequence goes on where another one stands; one from which nothing was taken stands before its first number."""
    return fill(
        "SELECT pg_catalog.setval({s}::regclass, coalesce(pg_catalog.pg_sequence_last_value({o}::regclass), 1),"
        " pg_catalog.pg_sequence_last_value({o}::regclass) IS NOT NULL)",
        s=sequence,
        o=other,
    )


def _observe(look: Look, step: MakeIdentity) -> Observation:
    found = numbering(look, step)
    where = f"{step.table}.{step.column}"
    wanted = f"an identity ({'always' if step.always else 'by default'})"
    if found is None:
        return gone(f"{where} is gone")
    identity, _, by_sequence, _ = found
    if identity:
        return DONE if identity == ("a" if step.always else "d") else foreign(f"{where} is another identity", wanted)
    return ABSENT if by_sequence else foreign(f"{where} is not numbered by {step.sequence}", wanted)


plugin = Kind(_render, _observe)
