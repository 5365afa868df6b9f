"""Owner and privileges of a table, given to another relation."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg.sql import Composed

from orchestrator.core.catalog import Access, TableName
from orchestrator.dialects.postgres.text import fill, name, raw, table

Grant = tuple[str, str, bool]


def given(
    where: TableName, access: Access, columns: tuple[tuple[str, tuple[Grant, ...]], ...] = ()
) -> Iterator[Composed]:
    """ALTER … OWNER (which does for views, too), where one is said, and the grants, those of single columns last."""
    if access.owner:
        yield fill("ALTER TABLE {t} OWNER TO {o}", t=table(where), o=name(access.owner))
    for grant in access.grants:
        yield _grant(where, grant)
    for column, grants in columns:
        for grant in grants:
            yield _grant(where, grant, column)


def _grant(where: TableName, grant: Grant, column: str | None = None) -> Composed:
    privilege, grantee, grantable = grant
    return fill(
        "GRANT {p}{c} ON {t} TO {who}{option}",
        p=raw(privilege),
        c=fill(" ({c})", c=name(column)) if column is not None else fill(""),
        t=table(where),
        who=name(grantee) if grantee else raw("PUBLIC"),
        option=raw(" WITH GRANT OPTION" if grantable else ""),
    )
