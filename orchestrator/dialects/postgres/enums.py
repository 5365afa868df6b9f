"""Enum types as the server has them.

Why it exists: what an enum holds decides whether a value can be added, and where a column of it can go; what uses it decides
whether it can be dropped.
"""

from __future__ import annotations

from collections.abc import Iterable

import psycopg

from orchestrator.core.catalog import Access, Enum, TableName, TypeName, TypeUser

_ENUMS = """
SELECT asked.spelled, t.oid, n.nspname, t.typname,
       ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder),
       pg_catalog.pg_get_userbyid(t.typowner),
       ARRAY(SELECT ARRAY[g.privilege_type, CASE g.grantee WHEN 0 THEN '' ELSE pg_catalog.pg_get_userbyid(g.grantee) END,
                          g.is_grantable::text]
               FROM pg_catalog.aclexplode(coalesce(t.typacl, pg_catalog.acldefault('T', t.typowner))) g
              WHERE g.grantee <> t.typowner),
       pg_catalog.obj_description(t.oid, 'pg_type')
  FROM pg_catalog.unnest(%s::text[]) AS asked(spelled)
  JOIN pg_catalog.pg_type t ON t.oid = pg_catalog.to_regtype(asked.spelled)
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
 WHERE t.typtype = 'e' ORDER BY 1
"""
_USERS = """
SELECT DISTINCT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid), n.nspname, c.relname, a.attname
  FROM pg_catalog.pg_type t JOIN pg_catalog.pg_depend d ON d.refobjid IN (t.oid, t.typarray)
  LEFT JOIN pg_catalog.pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
  LEFT JOIN pg_catalog.pg_attribute a
    ON a.attrelid = CASE WHEN d.classid = 'pg_class'::regclass THEN d.objid ELSE f.adrelid END
   AND a.attnum = CASE WHEN d.classid = 'pg_class'::regclass THEN d.objsubid ELSE f.adnum END AND a.attnum > 0
  LEFT JOIN pg_catalog.pg_class c ON c.oid = a.attrelid LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE t.oid = %s AND d.refclassid = 'pg_type'::regclass AND d.deptype IN ('n', 'a')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE d.classid = 'pg_proc'::regclass AND p.oid = d.objid
                      AND p.pronamespace = pg_catalog.to_regnamespace('orch_target')::oid)
UNION
SELECT pg_catalog.pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid), NULL, NULL, NULL FROM pg_catalog.pg_depend d
 WHERE d.classid = 'pg_type'::regclass AND d.objid = %s AND d.deptype = 'e'
 ORDER BY 1
"""
"""By pg_depend; an extension needs the types it brought, whatever else does. Functions of ours go with their sync."""


def enums(connection: psycopg.Connection, types: Iterable[str]) -> tuple[tuple[str, Enum], ...]:
    """Those of some types (full names) that are enums."""
    rows = connection.execute(_ENUMS, (list(dict.fromkeys(types)),)).fetchall()
    return tuple(
        (spelled, Enum(TypeName(schema, name), tuple(values), _users(connection, oid), _access(owner, grants), comment))
        for spelled, oid, schema, name, values, owner, grants, comment in rows
    )


def _access(owner: str, grants: list[list[str]]) -> Access:
    return Access(owner, tuple((privilege, grantee, grantable == "true") for privilege, grantee, grantable in grants))


def _users(connection: psycopg.Connection, oid: int) -> tuple[TypeUser, ...]:
    rows = connection.execute(_USERS, (oid, oid)).fetchall()
    return tuple(
        TypeUser(what, TableName(schema, table) if table is not None else None, column or "")
        for what, schema, table, column in rows
    )
