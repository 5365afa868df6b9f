"""The target's own rows, streamed into a copy: for whoever may have them there, and asks for them.

Why it exists: made-up rows are as many and as wide as production's, but not as odd. Rows go from one server into the other, and
never lie in a file. They are read in one snapshot, so that foreign keys hold on the copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import psycopg
from psycopg.sql import Composed

from orchestrator.core.catalog import TableName
from orchestrator.dialects.postgres import connection
from orchestrator.dialects.postgres.text import fill, joined, name
from orchestrator.rehearsal import values as made
from orchestrator.rehearsal.structure import Table

_SEQUENCES = """
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'S' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'orch', 'orch_target') ORDER BY 1, 2
"""


def streamed(
    source: str, link: psycopg.Connection, tables: Mapping[TableName, Table], say: Callable[[str], None]
) -> tuple[dict[TableName, int], list[str]]:
    """Copy the rows of every table, and where sequences stand. Returns rows per table, and what could not be copied."""
    counts, lacks = dict[TableName, int](), list[str]()
    link.execute("SET session_replication_role = replica")
    with connection.connect(source, "orch:clone") as origin, origin.transaction():
        origin.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        origin.execute("SET LOCAL statement_timeout = 0; SET LOCAL row_security = off")
        for place, table in tables.items():
            try:
                with origin.transaction():
                    counts[place] = _rows(origin, link, table)
            except psycopg.Error as error:
                counts[place] = 0
                lacks.append(f"{place} has no rows: {error.diag.message_primary or type(error).__name__}")
            else:
                say(f"{counts[place]:,} rows of {place}")
        _numbers(origin, link)
    link.execute("RESET session_replication_role")
    return counts, lacks


def _rows(origin: psycopg.Connection, link: psycopg.Connection, table: Table) -> int:
    """One table, with all partitions: what is generated is generated again."""
    columns = joined(", ", (name(each.name) for each in table.columns if not each.generated))
    reading, writing = _commands(table, columns)
    with origin.cursor() as there, link.cursor() as here:
        with there.copy(reading) as rows, here.copy(writing) as into:
            for part in rows:
                into.write(part)
        return max(here.rowcount, 0)


def _commands(table: Table, columns: Composed) -> tuple[Composed, Composed]:
    """Text, since binary forms differ between versions and between types of extensions."""
    where = made.named(table.name)
    return (
        fill("COPY (SELECT {c} FROM {t}) TO STDOUT", c=columns, t=where),
        fill("COPY {t} ({c}) FROM STDIN", c=columns, t=where),
    )


def _numbers(origin: psycopg.Connection, link: psycopg.Connection) -> None:
    """Sequences stand where they stood, so that nothing is given out twice."""
    for schema, sequence in _sequences(origin):
        place = made.named(TableName(schema, sequence))
        row = origin.execute(fill("SELECT last_value, is_called FROM {s}", s=place)).fetchone()
        if row is not None:
            link.execute("SELECT pg_catalog.setval(%s::regclass, %s, %s)", (place.as_string(link), *row))


def _sequences(origin: psycopg.Connection) -> Iterable[tuple[str, str]]:
    return [(str(schema), str(sequence)) for schema, sequence in origin.execute(_SEQUENCES).fetchall()]
