"""Who names a table by its text: functions, whose bodies no rename reaches, and statements that no view would take.

Why it exists: where a version reads and writes through a view, what goes around views (COPY, pg_get_serial_sequence; F27) and
what is looked up by name at run time must be found when the change is planned.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import postgast
import psycopg
from postgast import pg_query_pb2 as nodes

from orchestrator.core.catalog import Body, Table, TableName
from orchestrator.dialects.postgres.text import fill, name

_BODIES = """
SELECT p.oid::regprocedure::text, p.prosrc, p.prorettype = 'trigger'::regtype, h.here
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_catalog.pg_language l ON l.oid = p.prolang
 CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger t
                       WHERE (t.tgrelid = %(oid)s OR t.tgrelid IN (SELECT s.relid FROM pg_catalog.pg_partition_tree(%(oid)s) s))
                         AND t.tgfoid = p.oid AND NOT t.tgisinternal) AS here) h
 WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'orch', 'orch_target') AND l.lanname NOT IN ('c', 'internal')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
   AND (h.here OR EXISTS (SELECT FROM pg_catalog.unnest(%(names)s::text[]) AS given(name)
                           WHERE pg_catalog.strpos(pg_catalog.lower(p.prosrc), pg_catalog.lower(given.name)) > 0))
 ORDER BY 1
"""
_TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?\*/|'(?P<text>(?:[^']|'')*)'|"(?P<quoted>(?:[^"]|"")+)"|(?P<word>[^\W\d][\w$]*)""", re.DOTALL
)


def bodies(connection: psycopg.Connection, oid: int, names: tuple[str, ...]) -> Iterator[Body]:
    """The functions of the database, those of extensions aside, whose text names the table or that its triggers call.

    ``names`` are its own, and those of its partitions.
    """
    asked = {"oid": oid, "names": list(names)}
    for label, source, trigger, here in connection.execute(_BODIES.encode(), asked).fetchall():
        words, literals = _words(source)
        yield Body(label, words, literals, trigger and (here or not words.isdisjoint(names)))


def _words(source: str) -> tuple[frozenset[str], str]:
    """The identifiers of a text as the server folds them, and what its literals say."""
    found = list(_TOKEN.finditer(source))
    words = {token["quoted"].replace('""', '"') for token in found if token["quoted"]}
    words |= {token["word"].lower() for token in found if token["word"]}
    return frozenset(words), "\n".join(token["text"] for token in found if token["text"])


_EXTENSION = """
SELECT n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
 WHERE e.extname = 'pg_stat_statements'
"""
_SEEN = """
SELECT s.query FROM {s}.pg_stat_statements s JOIN pg_catalog.pg_database d ON d.oid = s.dbid
 WHERE d.datname = pg_catalog.current_database()
   AND (s.query ~* '\\mcopy\\M' OR s.query ~* 'pg_get_serial_sequence' OR s.query = '<insufficient privilege>')
"""


def statements(connection: psycopg.Connection) -> tuple[tuple[str, ...], bool]:
    """Statements that may go around a view, as pg_stat_statements keeps them, and whether it told of all there are."""
    row = connection.execute(_EXTENSION).fetchone()
    if row is None:
        return (), False
    try:
        with connection.transaction():
            found = [text for (text,) in connection.execute(fill(_SEEN, s=name(row[0]))).fetchall() if text]
    except psycopg.Error:
        return (), False
    told = tuple(text for text in found if text != "<insufficient privilege>")
    return told, len(told) == len(found)


def goes_around(text: str, table: TableName, *, numbered: bool) -> bool:
    """Whether a statement could not be sent to a view in the table's place. ``numbered``: a sequence belongs to the table."""
    try:
        tree = postgast.parse(text)
    except postgast.PgQueryError:
        return False
    return any(_around(node, table, numbered) for _, node in postgast.walk(tree))


def _around(node: object, table: TableName, numbered: bool) -> bool:
    if isinstance(node, nodes.CopyStmt):
        where = node.relation
        return bool(node.is_from) and where.relname == table.name and where.schemaname in ("", table.schema)
    if not numbered or not isinstance(node, nodes.FuncCall) or not node.funcname:
        return False
    if node.funcname[-1].string.sval != "pg_get_serial_sequence" or not node.args:
        return False
    constant = node.args[0].a_const
    if not node.args[0].HasField("a_const") or not constant.HasField("sval"):
        return True  # a parameter: it may be this table
    return bool(constant.sval.sval.split(".")[-1].strip('"') == table.name)


def with_texts(connection: psycopg.Connection, oid: int, known: Table, seen: tuple[str, ...]) -> Table:
    """The table, with the functions and statements that go by its text. ``seen`` are the statements that may go around a view."""
    numbered = any(column.sequence or column.identity for column in known.columns)
    around = tuple(text for text in seen if goes_around(text, known.name, numbered=numbered))
    parts = known.partitioning.partitions if known.partitioning else ()
    names = (known.name.name, *(part.name.name for part in parts))
    return replace(known, bodies=tuple(bodies(connection, oid, names)), around=around)
