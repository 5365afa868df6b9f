"""Everything of a database that its users can tell, but the order of columns and what a partition's part of an index is called.

Why it exists: a completed Change must leave what plain DDL would have left, an aborted one what was there. Both are judged
by this description, read from the catalogs by a session that is not orch's.
"""

from __future__ import annotations

from typing import Any

import psycopg

Shape = dict[str, list[tuple[Any, ...]]]

_OURS = "('orch', 'orch_target', 'pg_catalog', 'information_schema', 'pg_toast')"
_RELATIONS = (
    f"SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname NOT IN {_OURS}"
)
_QUERIES = {
    "schemas": f"SELECT nspname FROM pg_namespace WHERE nspname NOT IN {_OURS} AND nspname !~ '^pg_(toast_)?temp_'",
    "relations": f"""
        SELECT CASE WHEN c.relispartition AND c.relkind IN ('i', 'I') THEN '' ELSE c.oid::regclass::text END,
               c.relkind::text, c.relpersistence::text, c.relreplident::text, c.relrowsecurity,
               c.relforcerowsecurity, c.reloptions::text, obj_description(c.oid, 'pg_class'),
               pg_get_userbyid(c.relowner), ARRAY(SELECT g::text FROM unnest(c.relacl) g ORDER BY 1),
               c.relispartition, pg_get_expr(c.relpartbound, c.oid),
               CASE c.relkind WHEN 'p' THEN pg_get_partkeydef(c.oid) WHEN 'v' THEN pg_get_viewdef(c.oid)
                              WHEN 'm' THEN pg_get_viewdef(c.oid) END
          FROM pg_class c WHERE c.oid IN ({_RELATIONS}) AND c.relkind <> 'S'""",
    "columns": f"""
        SELECT a.attrelid::regclass::text, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               pg_get_expr(d.adbin, d.adrelid), a.attidentity::text, a.attgenerated::text,
               a.attcollation::regcollation::text, col_description(a.attrelid, a.attnum), a.attstattarget, a.attstorage::text,
               a.attoptions::text, ARRAY(SELECT g::text FROM unnest(a.attacl) g ORDER BY 1)
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
          LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE a.attrelid IN ({_RELATIONS}) AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped""",
    "indexes": f"""
        SELECT i.indrelid::regclass::text, CASE WHEN c.relispartition THEN '' ELSE c.relname END,
               CASE WHEN c.relispartition THEN replace(pg_get_indexdef(i.indexrelid), quote_ident(c.relname), '')
                    ELSE pg_get_indexdef(i.indexrelid) END, i.indisvalid, i.indisready,
               i.indisunique, i.indisprimary, i.indisreplident, i.indisclustered, i.indimmediate,
               obj_description(c.oid, 'pg_class'),
               (SELECT array_agg(x.attname || '=' || x.attstattarget) FROM pg_attribute x
                 WHERE x.attrelid = c.oid AND x.attstattarget >= 0)
          FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid IN ({_RELATIONS})""",
    "constraints": f"""
        SELECT conrelid::regclass::text, CASE conparentid WHEN 0 THEN conname ELSE '' END, contype::text,
               pg_get_constraintdef(oid), convalidated, condeferrable, condeferred, obj_description(oid, 'pg_constraint')
          FROM pg_constraint WHERE conrelid IN ({_RELATIONS}) AND contype NOT IN ('n', 't')""",
    "triggers": f"""
        SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), tgenabled::text
          FROM pg_trigger WHERE tgrelid IN ({_RELATIONS}) AND NOT tgisinternal""",
    "sequences": f"""
        SELECT s.oid::regclass::text, q.data_type::text, q.increment_by, q.max_value, d.refobjid::regclass::text, a.attname,
               d.deptype::text
          FROM pg_class s JOIN pg_namespace n ON n.oid = s.relnamespace
          JOIN pg_sequences q ON q.schemaname = n.nspname AND q.sequencename = s.relname
          LEFT JOIN pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
               AND d.refclassid = 'pg_class'::regclass
          LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
         WHERE s.relkind = 'S' AND s.oid IN ({_RELATIONS})""",
    "policies": f"""
        SELECT polrelid::regclass::text, polname, polcmd::text, polpermissive, polroles::regrole[]::text,
               pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)
          FROM pg_policy WHERE polrelid IN ({_RELATIONS})""",
    "publications": """
        SELECT p.pubname, t.schemaname, t.tablename FROM pg_publication p
          LEFT JOIN pg_publication_tables t ON t.pubname = p.pubname""",
    "statistics": f"""
        SELECT stxrelid::regclass::text, stxname, pg_get_statisticsobjdef(oid)
          FROM pg_statistic_ext WHERE stxrelid IN ({_RELATIONS})""",
    "types": f"""
        SELECT t.oid::regtype::text, t.typtype::text, obj_description(t.oid, 'pg_type'),
               pg_get_userbyid(t.typowner), ARRAY(SELECT g::text FROM unnest(t.typacl) g ORDER BY 1),
               ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)
          FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
         WHERE n.nspname NOT IN {_OURS} AND t.typtype IN ('e', 'd', 'r')""",
    "functions": f"""
        SELECT p.oid::regprocedure::text, pg_get_functiondef(p.oid) FROM pg_proc p
          JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname NOT IN {_OURS} AND p.prokind IN ('f', 'p')""",
    "left over": """
        SELECT 'function', p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = to_regnamespace('orch_target')
        UNION ALL
        SELECT 'relation', c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = to_regnamespace('orch_target')
        UNION ALL SELECT 'rejected', sync_id FROM orch_target.rejected_row""",
}


def shape(link: psycopg.Connection[Any]) -> Shape:
    """The description, part by part; equal for two databases whose users cannot tell them apart."""
    return {part: sorted(link.execute(query.encode()).fetchall(), key=repr) for part, query in _QUERIES.items()}


def differences(found: Shape, wanted: Shape) -> list[str]:
    """What is there and should not be, and what is missing, one line each; empty when the shapes are equal."""
    lines = []
    for part, rows in wanted.items():
        lines += [f"{part}: unexpected {row}" for row in found[part] if row not in rows]
        lines += [f"{part}: missing {row}" for row in rows if row not in found[part]]
    return lines
