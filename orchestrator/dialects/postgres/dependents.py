"""What names a table or one of its columns, as the catalog has it.

Why it exists: whatever does would break, or stand in the way, when the column goes; it is asked when planning and at each gate.
"""

from __future__ import annotations

DEPENDENTS = """
SELECT CASE d.classid WHEN 'pg_policy'::regclass THEN 'policy'
            WHEN 'pg_rewrite'::regclass THEN (
                SELECT CASE r.rulename WHEN '_RETURN' THEN 'view' ELSE 'rule' END
                  FROM pg_catalog.pg_rewrite r WHERE r.oid = d.objid)
            WHEN 'pg_proc'::regclass THEN 'function' WHEN 'pg_trigger'::regclass THEN 'trigger'
            WHEN 'pg_attrdef'::regclass THEN 'generated column' ELSE 'extended statistics' END,
       CASE d.classid
            WHEN 'pg_rewrite'::regclass THEN (
                SELECT CASE r.rulename WHEN '_RETURN' THEN '' ELSE r.rulename || ' on ' END || r.ev_class::regclass::text
                  FROM pg_catalog.pg_rewrite r WHERE r.oid = d.objid)
            WHEN 'pg_policy'::regclass THEN (SELECT p.polname::text FROM pg_catalog.pg_policy p WHERE p.oid = d.objid)
            WHEN 'pg_proc'::regclass THEN d.objid::regprocedure::text
            WHEN 'pg_trigger'::regclass THEN (SELECT t.tgname::text FROM pg_catalog.pg_trigger t WHERE t.oid = d.objid)
            WHEN 'pg_attrdef'::regclass THEN (
                SELECT g.attname::text FROM pg_catalog.pg_attrdef f
                  JOIN pg_catalog.pg_attribute g ON g.attrelid = f.adrelid AND g.attnum = f.adnum WHERE f.oid = d.objid)
            ELSE pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) END, coalesce(a.attname::text, '')
  FROM pg_catalog.pg_depend d
  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND d.refobjsubid > 0
 WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = %(oid)s
   AND (d.classid IN ('pg_policy'::regclass, 'pg_proc'::regclass, 'pg_statistic_ext'::regclass) AND d.refobjsubid > 0
     OR d.classid = 'pg_trigger'::regclass AND d.refobjsubid > 0 AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
             WHERE t.oid = d.objid AND p.pronamespace = pg_catalog.to_regnamespace('orch_target')::oid)
     OR d.classid = 'pg_rewrite'::regclass AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_rewrite r WHERE r.oid = d.objid AND r.ev_class = d.refobjid
               AND (r.rulename = '_RETURN' OR d.refobjsubid = 0))
     OR d.classid = 'pg_attrdef'::regclass AND EXISTS (
            SELECT FROM pg_catalog.pg_attrdef f JOIN pg_catalog.pg_attribute g
                ON g.attrelid = f.adrelid AND g.attnum = f.adnum
             WHERE f.oid = d.objid AND g.attgenerated <> '' AND g.attnum <> d.refobjsubid))
UNION
SELECT CASE d.classid WHEN 'pg_attrdef'::regclass THEN 'default' ELSE 'dependent' END,
       pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid), '*'
  FROM pg_catalog.pg_depend d
 WHERE d.deptype = 'n'
   AND (d.refclassid = 'pg_class'::regclass AND d.refobjid = %(oid)s
        AND (d.classid = 'pg_proc'::regclass
          OR d.classid = 'pg_rewrite'::regclass AND NOT EXISTS (
                 SELECT FROM pg_catalog.pg_rewrite r WHERE r.oid = d.objid AND r.ev_class = d.refobjid)
          OR d.classid = 'pg_policy'::regclass AND NOT EXISTS (
                 SELECT FROM pg_catalog.pg_policy p WHERE p.oid = d.objid AND p.polrelid = d.refobjid)
          OR d.classid = 'pg_constraint'::regclass AND NOT EXISTS (
                 SELECT FROM pg_catalog.pg_constraint k WHERE k.oid = d.objid AND (k.conrelid = d.refobjid OR k.conrelid IN (
                     SELECT t.relid
                       FROM pg_catalog.pg_partition_tree(pg_catalog.pg_partition_root(d.refobjid::regclass)) t))))
     OR d.refclassid = 'pg_type'::regclass AND EXISTS (
            SELECT FROM pg_catalog.pg_type t
             WHERE t.typrelid = %(oid)s AND d.refobjid IN (t.oid, t.typarray) AND d.objid <> t.typrelid)
     OR d.refclassid = 'pg_class'::regclass AND d.classid = 'pg_attrdef'::regclass AND EXISTS (
            SELECT FROM pg_catalog.pg_depend o JOIN pg_catalog.pg_class s ON s.oid = o.objid AND s.relkind = 'S'
             WHERE o.classid = 'pg_class'::regclass AND o.objid = d.refobjid AND o.refclassid = 'pg_class'::regclass
               AND o.refobjid = %(oid)s AND o.deptype IN ('a', 'i'))
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_attrdef f WHERE f.oid = d.objid AND (f.adrelid = %(oid)s OR f.adrelid IN (
                SELECT t.relid FROM pg_catalog.pg_partition_tree(pg_catalog.pg_partition_root(%(oid)s::oid::regclass)) t))))
UNION
SELECT 'publication', t.pubname::text, '' FROM pg_catalog.pg_publication_tables t
  JOIN pg_catalog.pg_class c ON c.relname = t.tablename JOIN pg_catalog.pg_namespace n
    ON n.oid = c.relnamespace AND n.nspname = t.schemaname
 WHERE c.oid = %(oid)s
ORDER BY 1, 2
"""
