"""CREATE TYPE … AS ENUM, with the access and the comment of the type that it stands for, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg.sql import Composed

from orchestrator.core.enumstep import CreateEnum
from orchestrator.core.ports import Observation
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._enum import named, other_values, values
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE
from orchestrator.dialects.postgres.text import fill, joined, literal, name, raw


def _render(step: CreateEnum) -> Rendered:
    listed = joined(", ", [literal(value) for value in step.values])
    create = fill("CREATE TYPE {t} AS ENUM ({values})", t=named(step.type), values=listed)
    drop = fill("DROP TYPE IF EXISTS {t}", t=named(step.type))
    return Rendered(((create, *_given(step)),), "none", ((drop,),), "refused while something else uses the type")


def _given(step: CreateEnum) -> Iterator[Composed]:
    """Whoever made a type owns it, and PUBLIC may use it: what differs is said, the owner first, who then is the grantor."""
    where, access = named(step.type), step.access
    if access.owner:
        yield fill("ALTER TYPE {t} OWNER TO {o}", t=where, o=name(access.owner))
        if "" not in (grantee for _, grantee, _ in access.grants):
            yield fill("REVOKE ALL ON TYPE {t} FROM PUBLIC", t=where)
    for privilege, grantee, grantable in access.grants:
        if grantee:
            option = raw(" WITH GRANT OPTION" if grantable else "")
            yield fill("GRANT {p} ON TYPE {t} TO {o}{w}", p=raw(privilege), t=where, o=name(grantee), w=option)
    if step.comment is not None:
        yield fill("COMMENT ON TYPE {t} IS {x}", t=where, x=literal(step.comment))


def _observe(look: Look, step: CreateEnum) -> Observation:
    """By the values. Access and comment may have been changed by anybody since."""
    found = values(look, step.type)
    if found is None:
        return ABSENT
    if isinstance(found, Observation):
        return found
    return other_values(step.type, found, step.values) or DONE


plugin = Kind(_render, _observe, lambda step: step.type.schema)
