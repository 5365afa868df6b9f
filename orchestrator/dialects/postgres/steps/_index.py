"""An index as the catalog has it, and what several kinds of Step say to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg.sql import Composable

from orchestrator.core.catalog import IndexExtras, TableName
from orchestrator.core.ports import Observation
from orchestrator.dialects.postgres import definitions
from orchestrator.dialects.postgres.kinds import Look, Message
from orchestrator.dialects.postgres.snapshot import quoted_name
from orchestrator.dialects.postgres.steps._same import same_definition
from orchestrator.dialects.postgres.steps._seen import foreign, partial
from orchestrator.dialects.postgres.text import fill, literal, raw, table


def index(where: TableName, name: str) -> Composable:
    """The index's name, with its table's schema."""
    return table(TableName(where.schema, name))


def drop(where: TableName, name: str) -> Message:
    """DROP INDEX CONCURRENTLY, if there is one."""
    return (fill("DROP INDEX CONCURRENTLY IF EXISTS {i}", i=index(where, name)),)


def extras(where: TableName, name: str, given: IndexExtras) -> Iterator[Message]:
    """What an index has beside its definition, but the tablespace, which is said when it is built."""
    if given.comment is not None:
        yield (fill("COMMENT ON INDEX {i} IS {x}", i=index(where, name), x=literal(given.comment)),)
    for place, target in given.statistics:
        statement = "ALTER INDEX {i} ALTER COLUMN {n} SET STATISTICS {x}"
        yield (fill(statement, i=index(where, name), n=raw(str(place)), x=raw(str(target))),)


@dataclass(frozen=True, slots=True)
class FoundIndex:
    """``chosen`` is (collation, operator class) of each key, ``key`` the pg_constraint.contype of the constraint it is of."""

    valid: bool
    ours: bool
    definition: str
    chosen: list[list[str]]
    comment: str | None
    key: str | None


_INDEX = """
SELECT i.indisvalid AND i.indisready AND i.indislive, i.indrelid = pg_catalog.to_regclass(%s),
       pg_catalog.pg_get_indexdef(i.indexrelid),
       ARRAY(SELECT ARRAY[coalesce(co.collname::text, ''), op.opcname::text]
               FROM ROWS FROM (pg_catalog.unnest(i.indcollation::oid[]), pg_catalog.unnest(i.indclass::oid[]))
                    WITH ORDINALITY u(coll, class, place)
               JOIN pg_catalog.pg_opclass op ON op.oid = u.class
               LEFT JOIN pg_catalog.pg_collation co ON co.oid = u.coll ORDER BY u.place),
       pg_catalog.obj_description(i.indexrelid, 'pg_class'),
       (SELECT k.contype::text FROM pg_catalog.pg_constraint k
         WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x'))
  FROM pg_catalog.pg_index i WHERE i.indexrelid = pg_catalog.to_regclass(%s)
"""


def found(look: Look, where: TableName, name: str) -> FoundIndex | None:
    """The index of that name, if there is one."""
    row = look.row(_INDEX, quoted_name(where), quoted_name(TableName(where.schema, name)))
    return None if row is None else FoundIndex(*row)


def incomplete(where: TableName, name: str, seen: FoundIndex, wanted: IndexExtras) -> Observation | None:
    """Partial where a build, or what is given to an index afterwards, broke off, else None."""
    spelled = quoted_name(TableName(where.schema, name))
    if not seen.valid:
        return partial(f"{spelled} is invalid")
    if wanted.comment is not None and seen.comment is None:
        return partial(f"{spelled} has no comment yet")
    return None


def other_relation(look: Look, where: TableName, name: str) -> Observation | None:
    """Foreign where something that is no index bears the name, else None."""
    spelled = quoted_name(TableName(where.schema, name))
    taken = look.row("SELECT pg_catalog.to_regclass(%s)::oid", spelled)
    return foreign(f"{spelled} is a relation, but no index") if taken and taken[0] else None


def other_index(look: Look, where: TableName, name: str, statement: str, seen: FoundIndex) -> Observation | None:
    """Foreign where the index is not the one that ``statement`` would build, else None."""
    if seen.ours and _planned(look, where, statement, seen):
        return None
    spelled = quoted_name(TableName(where.schema, name))
    return foreign(f"{spelled} is another index than the one planned: {seen.definition}", statement)


def _planned(look: Look, where: TableName, statement: str, seen: FoundIndex) -> bool:
    """Whether the index is the planned one. What the server leaves out as a matter of course may be spelled out."""
    try:
        wanted, shown = definitions.index(statement), definitions.index(seen.definition)
    except definitions.Unreadable:
        return False
    return same_definition(look, where, wanted, shown) and same_choices(wanted, shown, seen)


def same_choices(wanted: definitions.Definition, shown: definitions.Definition, seen: FoundIndex) -> bool:
    """Whether each key has the wanted collation and operator class; what is not asked for is the type's own."""
    keys = zip(wanted.chosen, shown.chosen, seen.chosen, strict=False)
    return all(want in (spelled, actual) for key in keys for want, spelled, actual in zip(*key, strict=True))
