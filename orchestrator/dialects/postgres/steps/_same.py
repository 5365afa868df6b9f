"""Whether two spellings mean the same to the server.

Why it exists: the server stores what it understood, not what was sent: names are qualified, casts are added or left out,
constants take the column's type. So both spellings are put to it side by side in one EXPLAIN, which reads no row, takes the
weakest lock, needs no more than SELECT, and prints both as it understands them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg

from orchestrator.core.catalog import TableName
from orchestrator.dialects.postgres.definitions import Definition, normal
from orchestrator.dialects.postgres.kinds import Look
from orchestrator.dialects.postgres.text import Composable, fill, joined, name, raw, search_path, table

Pair = tuple[str, str]


def same_definition(
    look: Look, where: TableName, wanted: Definition, found: Definition, row: str | None = None
) -> bool:
    """Whether frames are equal and expressions mean the same over the table's row (which is called ``row``)."""
    if wanted.frame != found.frame or len(wanted.expressions) != len(found.expressions):
        return False
    return same(look, where, zip(wanted.expressions, found.expressions, strict=True), row=row)


def same(
    look: Look, where: TableName, pairs: Iterable[Pair], *, returns: str | None = None, row: str | None = None
) -> bool:
    """Whether the two of each pair (wanted, found) mean the same, as values of type ``returns`` where that is given."""
    different = [pair for pair in pairs if normal(pair[0]) != normal(pair[1])]
    return not different or _explained(look, where, different, returns, row)


def _explained(look: Look, where: TableName, pairs: list[Pair], returns: str | None, row: str | None) -> bool:
    values = joined(", ", [_value(text, returns) for pair in pairs for text in pair])
    query = fill(
        "EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) SELECT {values} FROM {t} AS {row} WHERE false",
        values=values,
        t=table(where),
        row=name(row or where.name),
    )
    try:
        with look.connection.transaction(force_rollback=True):
            # Waiting for the weakest lock holds nobody up but who takes the strongest; no row is read, whose policy ever.
            settings = "SET LOCAL {path}; SET LOCAL lock_timeout = '5s'; SET LOCAL row_security = on"
            look.connection.execute(fill(settings, path=search_path(where.schema)))
            plan = look.connection.execute(query).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        raise
    except (psycopg.ProgrammingError, psycopg.DataError):
        return False  # one of them means nothing any more
    output: list[Any] = plan[0][0]["Plan"]["Output"] if plan else []
    return len(output) == 2 * len(pairs) and output[::2] == output[1::2]


def _value(text: str, returns: str | None) -> Composable:
    if returns is None:
        return fill("(\n{v}\n)", v=raw(text))
    return fill("CAST((\n{v}\n) AS {t})", v=raw(text), t=raw(returns))
