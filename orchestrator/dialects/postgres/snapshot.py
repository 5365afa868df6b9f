"""The Catalog of a live target, read in one REPEATABLE READ transaction.

Why it exists: plans are pure functions of this value. Everything is spelled with its schema (the session's search_path is
pg_catalog), so that what is read here can be sent back from any session.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import psycopg

from orchestrator.core.asked import Asked, ExpressionFacts, Question
from orchestrator.core.catalog import (
    Access,
    Catalog,
    Column,
    Constraint,
    Dependent,
    Index,
    IndexExtras,
    Sequence,
    Table,
    TableName,
    Trigger,
)
from orchestrator.dialects.postgres import bytext, parser, statements
from orchestrator.dialects.postgres.dependents import DEPENDENTS
from orchestrator.dialects.postgres.enums import enums
from orchestrator.dialects.postgres.facts import facts, text_of, type_name, volatility
from orchestrator.dialects.postgres.nulls import demands, domains
from orchestrator.dialects.postgres.partitions import below, partitioning
from orchestrator.dialects.postgres.text import MADE_BY, fill, literal
from orchestrator.dialects.postgres.tried import refusals

_TABLE = """
SELECT c.oid, n.nspname, c.relname, c.relkind::text, greatest(c.reltuples, 0)::bigint,
       pg_catalog.pg_total_relation_size(c.oid), c.relrowsecurity, c.relispartition,
       EXISTS (SELECT FROM pg_catalog.pg_inherits i
                WHERE (i.inhparent = c.oid OR i.inhrelid = c.oid) AND NOT c.relispartition AND c.relkind <> 'p'),
       pg_catalog.pg_get_userbyid(c.relowner),
       ARRAY(SELECT ARRAY[g.privilege_type, CASE g.grantee WHEN 0 THEN '' ELSE pg_catalog.pg_get_userbyid(g.grantee) END,
                          g.is_grantable::text]
               FROM pg_catalog.aclexplode(c.relacl) g WHERE g.grantee <> c.relowner),
       pg_catalog.obj_description(c.oid, 'pg_class'),
       (c.relreplident = 'n' OR c.relreplident = 'd' AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid))
       AND EXISTS (SELECT FROM pg_catalog.pg_publication_tables u JOIN pg_catalog.pg_publication p ON p.pubname = u.pubname
                    WHERE u.schemaname = n.nspname AND u.tablename = c.relname AND p.pubupdate),
       ARRAY(SELECT DISTINCT CASE g.grantee WHEN 0 THEN '' ELSE pg_catalog.pg_get_userbyid(g.grantee)::text END
               FROM pg_catalog.aclexplode(coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) g
              WHERE g.privilege_type = 'USAGE' ORDER BY 1),
       EXISTS (SELECT FROM pg_catalog.pg_subscription_rel s WHERE s.srrelid = c.oid), c.reloftype <> 0,
       ARRAY(SELECT DISTINCT v.oid::regclass::text
               FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
               JOIN pg_catalog.pg_class v ON v.oid = w.ev_class
              WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
                AND pg_catalog.starts_with(pg_catalog.obj_description(v.relnamespace, 'pg_namespace'), %s) ORDER BY 1)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = %s
"""
_COLUMNS = """
SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
       a.attnotnull AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = a.attrelid
                                      AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum] AND NOT k.convalidated),
       pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attidentity <> '', a.attgenerated <> '',
       CASE WHEN a.attcollation <> t.typcollation
            THEN (SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(co.collname)
                    FROM pg_catalog.pg_collation co JOIN pg_catalog.pg_namespace n ON n.oid = co.collnamespace
                   WHERE co.oid = a.attcollation) END,
       pg_catalog.col_description(a.attrelid, a.attnum), nullif(a.attstattarget, -1),
       (SELECT s.oid::regclass::text FROM pg_catalog.pg_depend o JOIN pg_catalog.pg_class s ON s.oid = o.objid
         WHERE o.classid = 'pg_class'::regclass AND o.refclassid = 'pg_class'::regclass AND o.refobjid = a.attrelid
           AND o.refobjsubid = a.attnum AND o.deptype = 'a' AND s.relkind = 'S' LIMIT 1),
       ARRAY(SELECT ARRAY[g.privilege_type, CASE g.grantee WHEN 0 THEN '' ELSE pg_catalog.pg_get_userbyid(g.grantee) END,
                          g.is_grantable::text]
               FROM pg_catalog.aclexplode(a.attacl) g), a.attidentity = 'a'
  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_SEQUENCES = """
SELECT a.attname, n.nspname, c.relname, pg_catalog.format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin,
       s.seqmax, s.seqcache, s.seqcycle, pg_catalog.obj_description(c.oid, 'pg_class'),
       ARRAY(SELECT ARRAY[g.privilege_type, CASE g.grantee WHEN 0 THEN '' ELSE pg_catalog.pg_get_userbyid(g.grantee) END,
                          g.is_grantable::text]
               FROM pg_catalog.aclexplode(c.relacl) g WHERE g.grantee <> c.relowner)
  FROM pg_catalog.pg_depend o JOIN pg_catalog.pg_sequence s ON s.seqrelid = o.objid
  JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = o.refobjid AND a.attnum = o.refobjsubid
 WHERE o.classid = 'pg_class'::regclass AND o.refclassid = 'pg_class'::regclass AND o.refobjid = %s
   AND o.deptype IN ('a', 'i') ORDER BY c.relname DESC
"""
_INDEXES = """
SELECT c.relname, pg_catalog.pg_get_indexdef(i.indexrelid),
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = i.indrelid AND (a.attnum = ANY (i.indkey::int2[]) OR a.attnum IN (
                    SELECT d.refobjsubid FROM pg_catalog.pg_depend d
                     WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                       AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid))
              AND a.attnum > 0 ORDER BY a.attnum),
       i.indisunique, i.indisprimary, i.indisvalid,
       (SELECT k.conname FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid LIMIT 1),
       i.indisreplident, pg_catalog.obj_description(i.indexrelid, 'pg_class'),
       (SELECT s.spcname::text FROM pg_catalog.pg_tablespace s WHERE s.oid = c.reltablespace),
       ARRAY(SELECT ARRAY[a.attnum::int, a.attstattarget::int] FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0 ORDER BY a.attnum), coalesce(c.reloptions, '{}'),
       i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
 WHERE i.indrelid = %s ORDER BY c.relname
"""
_CONSTRAINTS = """
SELECT k.conname, k.contype::text,
       ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(CASE WHEN k.conrelid = %(oid)s THEN k.conkey ELSE k.confkey END)
               WITH ORDINALITY AS u(attnum, place)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = %(oid)s AND a.attnum = u.attnum ORDER BY u.place),
       pg_catalog.pg_get_constraintdef(k.oid), k.convalidated, k.conrelid <> %(oid)s,
       pg_catalog.pg_get_expr(k.conbin, k.conrelid),
       (SELECT ARRAY[n.nspname::text, r.relname::text] FROM pg_catalog.pg_class r
          JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace WHERE r.oid = k.confrelid),
       ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY AS u(attnum, place)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.attnum ORDER BY u.place),
       (SELECT x.relname::text FROM pg_catalog.pg_class x WHERE x.oid = k.conindid),
       CASE WHEN k.condeferred THEN ' DEFERRABLE INITIALLY DEFERRED' WHEN k.condeferrable THEN ' DEFERRABLE' ELSE '' END,
       pg_catalog.obj_description(k.oid, 'pg_constraint'),
       ARRAY(SELECT DISTINCT w.ev_class::regclass::text FROM pg_catalog.pg_depend d
               JOIN pg_catalog.pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
              WHERE d.refclassid = 'pg_constraint'::regclass AND d.refobjid = k.oid ORDER BY 1),
       (SELECT ARRAY[n.nspname::text, r.relname::text] FROM pg_catalog.pg_class r
          JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace WHERE r.oid = k.conrelid),
       ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY AS u(attnum, place)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum ORDER BY u.place)
  FROM pg_catalog.pg_constraint k
 WHERE (k.conrelid = %(oid)s OR k.contype = 'f' AND k.confrelid = %(oid)s) AND k.contype IN ('c', 'f', 'p', 'u', 'x')
   AND k.conparentid = 0 ORDER BY k.conname
"""
_TRIGGERS = """
SELECT t.tgname, (t.tgtype & 2) <> 0, (t.tgtype & 1) <> 0, (t.tgtype & 4) <> 0, (t.tgtype & 16) <> 0,
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = t.tgrelid AND a.attnum > 0 AND NOT a.attisdropped
                AND CASE WHEN n.nspname = 'orch_target'
                    THEN pg_catalog.strpos(p.prosrc, 'NEW."' || pg_catalog.replace(a.attname, '"', '""') || '"') > 0
                    ELSE a.attnum = ANY (t.tgattr::int2[]) END),
       n.nspname || '.' || p.proname, n.nspname = 'orch_target'
  FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
 WHERE t.tgrelid = %s AND NOT t.tgisinternal AND t.tgparentid = 0 ORDER BY t.tgname
"""
_RULES = "SELECT rulename FROM pg_catalog.pg_rewrite WHERE ev_class = %s AND rulename <> '_RETURN' ORDER BY 1"


def quoted(spelled: str) -> str:
    """A table name of a change file as to_regclass reads it: exact, split at the first dot, or quoted by its writer."""
    if '"' in spelled:
        return spelled
    return ".".join(text_of(part) for part in spelled.split(".", 1))


def resolve(connection: psycopg.Connection, spelled: str) -> int | None:
    """The OID of the relation a change file means, under the login's own search_path."""
    with connection.transaction():
        connection.execute("SET LOCAL search_path TO DEFAULT")
        try:
            row = connection.execute("SELECT pg_catalog.to_regclass(%s)::oid", (quoted(spelled),)).fetchone()
        except psycopg.errors.SyntaxError:
            return None
    return None if row is None else row[0]


def snapshot(connection: psycopg.Connection, asked: Asked) -> Catalog:
    """Read everything a Plan needs. Missing tables are left out; the planner says which."""
    found = {
        spelled: oid for spelled in dict.fromkeys(asked.tables) if (oid := resolve(connection, spelled)) is not None
    }
    known = {spelled: _table(connection, oid) for spelled, oid in found.items()}
    traced = False
    if asked.views is not None:
        seen, traced = bytext.statements(connection)
        known = {
            spelled: bytext.with_texts(connection, found[spelled], table, seen) for spelled, table in known.items()
        }
    absent = tuple(_absent(connection, [spelled for spelled in asked.tables if spelled not in known]))
    named = tuple((spelled, type_name(connection, spelled)) for spelled in dict.fromkeys(asked.types))
    full = [full for _, full in named if full is not None]
    subscriptions = connection.execute("SELECT count(*) FROM pg_catalog.pg_stat_subscription").fetchone()
    return Catalog(
        server_version=connection.info.server_version,
        tables=tuple(known.items()),
        facts=tuple(_facts(connection, asked, known | {spelled: Table(name, "", ()) for spelled, name in absent})),
        types=named,
        domains=domains(connection, [*_types(known.values()), *full]),
        subscribes=bool(subscriptions and subscriptions[0]),
        absent=absent,
        enums=enums(connection, [*_types(known.values()), *full]),
        statements=tuple((text, statements.read(connection, text)) for text in dict.fromkeys(asked.statements)),
        queries=frozenset(filter(statements.is_query, asked.queries)),
        views=asked.views,
        taken=asked.views is not None and _there(connection, asked.views),
        traced=traced,
        actions=tuple(
            refusals(connection, [(pair, known[pair[0]].name) for pair in asked.actions if pair[0] in known])
        ),
    )


def _there(connection: psycopg.Connection, schema: str) -> bool:
    return connection.execute("SELECT FROM pg_catalog.pg_namespace WHERE nspname = %s", (schema,)).rowcount > 0


def _facts(
    connection: psycopg.Connection, asked: Asked, known: dict[str, Table]
) -> Iterator[tuple[Question, ExpressionFacts]]:
    for question in dict.fromkeys(asked.questions):
        if question.table in known:
            yield question, _fact(connection, question, known)


_PLACE = """
SELECT coalesce(n.nspname, pg_catalog.current_schema()), i.parts[pg_catalog.cardinality(i.parts)]
  FROM (SELECT pg_catalog.parse_ident(%s) AS parts) i
  LEFT JOIN pg_catalog.pg_namespace n ON pg_catalog.cardinality(i.parts) = 2 AND n.nspname = i.parts[1]
 WHERE pg_catalog.cardinality(i.parts) = 1 OR n.oid IS NOT NULL
"""


def _absent(connection: psycopg.Connection, tables: Iterable[str]) -> Iterator[tuple[str, TableName]]:
    """Where tables that do not exist would be, under the login's own search_path."""
    for spelled in dict.fromkeys(tables):
        with connection.transaction(force_rollback=True):
            connection.execute("SET LOCAL search_path TO DEFAULT")
            try:
                row = connection.execute(_PLACE, (quoted(spelled),)).fetchone()
            except psycopg.errors.InvalidParameterValue:
                row = None
        if row is not None and row[0] is not None:
            yield spelled, TableName(*row)


def _types(tables: Iterable[Table]) -> Iterator[str]:
    return (column.type for table in tables for column in table.columns)


def _fact(connection: psycopg.Connection, question: Question, known: dict[str, Table]) -> ExpressionFacts:
    table = known[question.table]
    wanted = question.returns[1:] if question.returns and question.returns.startswith("%") else None
    if wanted is not None and not table.has(wanted):
        return ExpressionFacts(error=f"there is no column {wanted}")
    return facts(connection, question, table)


def _table(connection: psycopg.Connection, oid: int) -> Table:
    def rows(query: str, of: int = oid) -> list[tuple[Any, ...]]:
        return connection.execute(query.encode(), {"oid": of} if "%(oid)s" in query else (of,)).fetchall()

    head = connection.execute(_TABLE.encode(), (MADE_BY, oid)).fetchall()[0]
    parts = below(connection, oid) if head[3] == "p" else ()
    sequences = {row[0]: _sequence(*row[1:]) for row in rows(_SEQUENCES)}
    columns = tuple(_column(connection, row, sequences.get(row[0])) for row in rows(_COLUMNS))
    return Table(
        name=TableName(head[1], head[2]),
        kind=head[3],
        rows=head[4],
        bytes=head[5],
        row_security=head[6],
        partition=head[7],
        inherits=head[8],
        access=Access(head[9], tuple(_grants(head[10]))),
        comment=head[11],
        unidentified=head[12],
        usage=tuple(head[13]),
        subscribed=head[14],
        typed=head[15],
        versions=tuple(head[16]),
        columns=columns,
        indexes=tuple(_index(*row) for row in rows(_INDEXES)),
        constraints=tuple(_constraint(connection, row, columns) for row in rows(_CONSTRAINTS)),
        triggers=tuple(_trigger(*row) for each in (oid, *parts) for row in rows(_TRIGGERS, each)),
        dependents=tuple(dict.fromkeys(Dependent(*r) for each in (oid, *parts) for r in rows(DEPENDENTS, each))),
        rules=tuple(r[0] for each in (oid, *parts) for r in rows(_RULES, each)),
        partitioning=partitioning(connection, oid) if head[3] == "p" else None,
    )


def _constraint(connection: psycopg.Connection, row: tuple[Any, ...], columns: tuple[Column, ...]) -> Constraint:
    name, kind, over, definition, validated, inbound, condition, references, to, *others = row
    types = {column.name: column.type for column in columns if column.name in over}
    refused = () if inbound else demands(connection, kind, types, definition, condition)
    where = TableName(*references) if references else None
    index, deferrable, comment, views, source, source_columns = others
    return Constraint(
        name=name,
        kind=kind,
        columns=tuple(over),
        definition=definition,
        validated=validated,
        inbound=inbound,
        demands=refused,
        condition=condition,
        references=where,
        to=tuple(to),
        index=index,
        deferrable=deferrable,
        comment=comment,
        views=tuple(views),
        source=TableName(*source) if inbound else None,
        source_columns=tuple(source_columns) if inbound else (),
    )


def _index(*row: Any) -> Index:
    name, definition, columns, unique, primary, valid, constraint, identity, *beside, options, evaluates = row
    comment, tablespace, statistics = beside
    extras = IndexExtras(comment, tablespace, tuple((place, target) for place, target in statistics))
    flags = (unique, primary, valid, constraint, identity)
    return Index(name, definition, tuple(columns), *flags, extras, tuple(options), evaluates)


def _trigger(*row: Any) -> Trigger:
    name, before, each_row, insert, update, columns, function, ours = row
    return Trigger(name, before, each_row, insert, update, tuple(columns), function, ours)


def _sequence(schema: str, name: str, *facts: Any) -> Sequence:
    *numbers, comment, grants = facts
    all_facts = (*numbers, comment, tuple(_grants(grants)))
    return Sequence(TableName(schema, name), *all_facts)


def _column(connection: psycopg.Connection, row: tuple[Any, ...], numbers: Sequence | None) -> Column:
    default, generated = row[3], row[5]
    return Column(
        name=row[0],
        type=row[1],
        not_null=row[2],
        default=None if generated else default,
        default_volatile=default is not None and not generated and _volatile(connection, default),
        identity=row[4],
        generated=generated,
        collation=row[6],
        comment=row[7],
        statistics=row[8],
        sequence=row[9],
        grants=tuple(_grants(row[10])),
        always=row[11],
        numbers=numbers,
    )


def _grants(found: list[list[str]]) -> Iterator[tuple[str, str, bool]]:
    return ((privilege, grantee, grantable == "true") for privilege, grantee, grantable in found)


def _volatile(connection: psycopg.Connection, default: str) -> bool:
    return volatility(connection, parser.expression(default)) == "v"


def dependents(connection: psycopg.Connection, name: TableName) -> tuple[Dependent, ...]:
    """What names a table or one of its columns now."""
    row = connection.execute("SELECT pg_catalog.to_regclass(%s)::oid", (quoted_name(name),)).fetchone()
    if row is None or row[0] is None:
        return ()
    found = (connection.execute(DEPENDENTS, {"oid": oid}).fetchall() for oid in (row[0], *below(connection, row[0])))
    return tuple(dict.fromkeys(Dependent(*each) for rows in found for each in rows))


def columns_now(connection: psycopg.Connection, name: TableName) -> dict[str, tuple[str, bool, str | None]]:
    """Column → (type, NOT NULL, default) of a table as it is now; empty when there is none."""
    query = fill("SELECT pg_catalog.to_regclass({t})::oid", t=literal(quoted_name(name)))
    row = connection.execute(query).fetchone()
    if row is None or row[0] is None:
        return {}
    return {r[0]: (r[1], r[2], r[3]) for r in connection.execute(_COLUMNS, (row[0],)).fetchall()}


def quoted_name(name: TableName) -> str:
    """schema.table, both quoted."""
    return f"{text_of(name.schema)}.{text_of(name.name)}"
