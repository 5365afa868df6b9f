"""ALTER TABLE, the way most Steps begin, and the pieces of it that several kinds share."""

from __future__ import annotations

import psycopg
from psycopg.sql import Composable, Composed

from orchestrator.core.catalog import TableName
from orchestrator.dialects.postgres.errors import translated
from orchestrator.dialects.postgres.kinds import Message, Rendered, table_of
from orchestrator.dialects.postgres.partitions import is_partitioned
from orchestrator.dialects.postgres.text import fill, literal, name, raw, table


def alter(where: TableName, action: str, **parts: Composable) -> Composed:
    """ALTER TABLE with one action, a template whose places are filled in."""
    return fill("ALTER TABLE {t} " + action, t=table(where), **parts)


def exclusive(where: TableName) -> str:
    """The lock of most forms of ALTER TABLE, in words."""
    return f"ACCESS EXCLUSIVE on {where}, catalog change only"


def unobtrusive(where: TableName) -> str:
    """The lock of concurrent builds and of VALIDATE, in words."""
    return f"SHARE UPDATE EXCLUSIVE on {where}, blocks neither reads nor writes"


def locked(where: TableName) -> Composed:
    """Take the strongest lock first, where several statements follow: never upgrade one."""
    return fill("LOCK TABLE {t} IN ACCESS EXCLUSIVE MODE", t=table(where))


def default(where: TableName, column: str, expression: str | None) -> Composed:
    """SET DEFAULT, or DROP DEFAULT where there is none."""
    if expression is None:
        return alter(where, "ALTER COLUMN {c} DROP DEFAULT", c=name(column))
    return alter(where, "ALTER COLUMN {c} SET DEFAULT (\n{d}\n)", c=name(column), d=raw(expression))


def drop_not_null(where: TableName, column: str) -> Composed:
    """DROP NOT NULL."""
    return alter(where, "ALTER COLUMN {c} DROP NOT NULL", c=name(column))


def drop_constraint_if_exists(where: TableName, constraint: str) -> Composed:
    """DROP CONSTRAINT IF EXISTS."""
    return alter(where, "DROP CONSTRAINT IF EXISTS {k}", k=name(constraint))


def not_null_check(where: TableName, proof: str, column: str) -> Composed:
    """The CHECK that stands for NOT NULL until all rows are known to obey it."""
    return alter(where, "ADD CONSTRAINT {k} CHECK ({c} IS NOT NULL) NOT VALID", k=name(proof), c=name(column))


def validate(where: TableName, constraint: str) -> Composed:
    """VALIDATE CONSTRAINT."""
    return alter(where, "VALIDATE CONSTRAINT {k}", k=name(constraint))


def set_not_null(where: TableName, column: str, proof: str) -> Message:
    """SET NOT NULL, which the validated CHECK spares its scan, and the CHECK's end."""
    return (
        alter(where, "ALTER COLUMN {c} SET NOT NULL", c=name(column)),
        alter(where, "DROP CONSTRAINT {k}", k=name(proof)),
    )


def commented(where: TableName, constraint: str, comment: str | None) -> Message:
    """The comment of a constraint, where it has one."""
    if comment is None:
        return ()
    statement = "COMMENT ON CONSTRAINT {k} ON {t} IS {x}"
    return (fill(statement, k=name(constraint), t=table(where), x=literal(comment)),)


TREE_TIMEOUT = "300ms"
"""Over all partitions: lock_timeout begins anew with each, while those that are locked already have their queue (F24)."""


def tree_locked(where: TableName, mode: str = "ACCESS EXCLUSIVE") -> Message:
    """Lock a table with all its partitions, in a time that is bounded as a whole."""
    lock = fill("LOCK TABLE {t} IN {mode} MODE", t=table(where), mode=raw(mode))
    return (
        fill("SET LOCAL statement_timeout = {limit}", limit=literal(TREE_TIMEOUT)),
        lock,
        raw("SET LOCAL statement_timeout = '10s'").format(),
    )


def whole_tree(link: psycopg.Connection, step: object, rendered: Rendered, mode: str = "") -> Message:
    """What a transactional Step on a partitioned table begins with; nothing where a message reads rows, or for other tables.

    ``mode`` is another lock than the Step's own.
    """
    where = table_of(step)
    if where is None or rendered.patient or rendered.concurrent or not rendered.mode:
        return ()
    with translated():
        partitioned = is_partitioned(link, where)
    return tree_locked(where, mode or rendered.mode) if partitioned else ()
