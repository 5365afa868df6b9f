"""Statements in use, from a file or the target's statistics, given values and sent as the application's own.

Why it exists: what is generated from a schema shows that a version could work; what the application sends shows that it does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import psycopg

from orchestrator.core.catalog import TableName
from orchestrator.core.reading import Statement
from orchestrator.dialects.postgres import connection
from orchestrator.dialects.postgres.proof import captured, usage
from orchestrator.dialects.postgres.text import Composable, fill, raw
from orchestrator.rehearsal.statements import Sent, cast
from orchestrator.rehearsal.structure import column_of
from orchestrator.rehearsal.typed import maker

_PARAMETER = re.compile(r"\$(\d+)")
_TYPES = "SELECT parameter_types::oid[]::bigint[] FROM pg_catalog.pg_prepared_statements WHERE name = 'orch_asked'"
_DATA = re.compile(
    r"\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*(?:SELECT|INSERT|UPDATE|DELETE|WITH|MERGE|TABLE|VALUES)\b", re.I | re.S
)
_ORDINARY = '"$user", public'
_WIDTH = 12


def statements(url: str, path: str | None, tables: Sequence[TableName]) -> tuple[Statement, ...]:
    """Those of a file, else those that the target's pg_stat_statements has of some tables; none where it has none."""
    if path is not None:
        return captured.read(path).statements
    with connection.connect(url, "orch:clone") as link:
        link.execute("SET default_transaction_read_only = on")
        return usage.usage(link, tables, ()).statements


def sendable(link: psycopg.Connection, found: Iterable[Statement], rows: int, untried: list[str]) -> Iterator[Sent]:
    """Each statement with values of the types that the server wants; appends to ``untried`` what it does not take.

    Numbers are drawn from 1 to ``rows``, so that keys are found; other values from what such numbers make of their type.
    """
    for each in found:
        text = " ".join(each.text.rstrip().rstrip(";").split())
        if not _DATA.match(each.text):
            continue
        try:
            types = _asked(link, each)
        except psycopg.Error as error:
            untried.append(f"{text} ({error.diag.message_primary}, {error.sqlstate})")
            continue
        query = cast(_filled(link, each.text.rstrip().rstrip(";"), types))
        yield Sent("old", text[:300], query, each.path or _ORDINARY, below=max(rows, 1))


def _asked(link: psycopg.Connection, each: Statement) -> list[int]:
    with link.transaction(force_rollback=True):
        link.execute("SELECT pg_catalog.set_config('search_path', %s, true)", (each.path or _ORDINARY,))
        try:
            link.execute(b"PREPARE orch_asked AS " + each.text.encode())
            ((types,),) = link.execute(_TYPES).fetchall()
        finally:
            if link.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS:
                link.execute("DEALLOCATE orch_asked")
    return list(types)


def _filled(link: psycopg.Connection, text: str, types: list[int]) -> str:
    values = [_value(link, at, oid).as_string(link) for at, oid in enumerate(types)]
    return _PARAMETER.sub(lambda found: values[int(found[1]) - 1], text)


def _value(link: psycopg.Connection, at: int, oid: int) -> Composable:
    column = column_of(link, oid)
    make = maker(column)
    number = raw(f"(1 + (%(any)s::bigint + {at} * 7919) % %(below)s::bigint)")
    value = make(number, _WIDTH) if make is not None else raw("NULL")
    return fill("(({v})::{t})", v=value, t=raw(column.type))
