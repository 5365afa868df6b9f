"""Statements, what the linter must say of them, and what a live server must be seen to do: the lock really taken, whether it
really rewrote the table, whether it really read it.

Expectations are written by hand from PostgreSQL's documentation and from experiments, not derived from the code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

AE, E, SRE, S, SUE, RE, RS, NONE = (
    "ACCESS EXCLUSIVE",
    "EXCLUSIVE",
    "SHARE ROW EXCLUSIVE",
    "SHARE",
    "SHARE UPDATE EXCLUSIVE",
    "ROW EXCLUSIVE",
    "ROW SHARE",
    "",
)

SETUP = """
CREATE TABLE customers (id bigint PRIMARY KEY, name text);
CREATE TABLE t (
    id bigint PRIMARY KEY, n int, nn int NOT NULL DEFAULT 1, a text, b text, v10 varchar(10), c8 char(8), num numeric(8, 2),
    free numeric, ts timestamp, tz timestamptz(3), tz0 timestamptz, day date, ip cidr, j json, jb jsonb, arr varchar(10)[],
    iv interval(3), vb varbit(8), checked varchar(10) CHECK (checked <> 'x'), indexed varchar(10), vi timestamp, e mood_,
    g int, proven int CHECK (proven IS NOT NULL AND proven > 0), long_ int CHECK (length(long_::text) > 0), viewed varchar(10),
    customer_id bigint, period int4range, d int DEFAULT 5, gen int GENERATED ALWAYS AS (id * 2) STORED, u bigint NOT NULL,
    same bigint, code text);
CREATE INDEX t_indexed ON t (indexed);
CREATE INDEX t_vi ON t (vi);
CREATE UNIQUE INDEX t_u ON t (u);
CREATE UNIQUE INDEX t_same ON t (same);
CREATE INDEX t_a ON t (a);
CREATE VIEW shown AS SELECT viewed FROM t;
ALTER TABLE t ADD CONSTRAINT pending CHECK (n > 0) NOT VALID;
ALTER TABLE t ADD CONSTRAINT pending_fk FOREIGN KEY (customer_id) REFERENCES customers NOT VALID;
ALTER TABLE t ADD CONSTRAINT done_fk FOREIGN KEY (customer_id) REFERENCES customers;
ALTER TABLE t ADD CONSTRAINT done CHECK (n < 100000);
INSERT INTO customers SELECT i, 'c' || i FROM generate_series(1, 10) i;
INSERT INTO t (id, n, a, v10, c8, num, free, ts, tz, proven, long_, viewed, customer_id, u, same, indexed, checked, vi,
               arr, ip, code)
    SELECT i, i, 'a' || i, 'v', 'c', 1.5, 1.5, now(), now(), i, i, 'w', 1 + i % 10, i, i, 'x' || i, 'y', now(),
           '{a}', '10.0.0.0/8', i
      FROM generate_series(1, 100) i;
CREATE TABLE keyless (x int, y int NOT NULL);
CREATE UNIQUE INDEX keyless_x ON keyless (x);
CREATE UNIQUE INDEX keyless_y ON keyless (y);
INSERT INTO keyless SELECT i, i FROM generate_series(1, 50) i;
CREATE TABLE parent (id int NOT NULL, at date) PARTITION BY RANGE (id);
CREATE TABLE parent_1 PARTITION OF parent FOR VALUES FROM (0) TO (100);
CREATE TABLE parent_2 PARTITION OF parent FOR VALUES FROM (100) TO (200);
CREATE TABLE joining (id int NOT NULL, at date);
CREATE TABLE fitting (id int NOT NULL CHECK (id >= 500 AND id < 600), at date);
INSERT INTO joining SELECT i FROM generate_series(300, 350) i;
INSERT INTO fitting SELECT i FROM generate_series(500, 550) i;
CREATE TABLE defaulted (id int NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE defaulted_rest PARTITION OF defaulted DEFAULT;
INSERT INTO defaulted SELECT i FROM generate_series(1000, 1050) i;
CREATE MATERIALIZED VIEW mv AS SELECT id, customer_id FROM t;
CREATE UNIQUE INDEX mv_id ON mv (id);
CREATE TABLE graded (id int, score grade_);
INSERT INTO graded VALUES (1, 3);
CREATE FUNCTION steady() RETURNS int STABLE LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION shaky() RETURNS int VOLATILE LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE FUNCTION noop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER there BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION noop();
CREATE POLICY everybody ON t USING (true);
CREATE TABLE ruled (id int);
CREATE RULE quiet AS ON DELETE TO ruled DO ALSO NOTHING;
CREATE SEQUENCE numbers;
CREATE SCHEMA other;
"""

SETUP_18 = "ALTER TABLE t ADD CONSTRAINT unproven NOT NULL code NOT VALID"

TYPES = """
CREATE TYPE mood_ AS ENUM ('sad', 'ok');
CREATE DOMAIN grade_ AS int CHECK (VALUE > 0);
CREATE DOMAIN plain_ AS text;
"""


@dataclass(frozen=True)
class Case:
    """``rules`` are ``rule:tier`` without a database, ``known`` those with one if they differ. ``lock`` is the strongest on
    ``on``; ``others`` those of further tables. ``fails`` is the SQLSTATE with which a live server refuses.
    """

    sql: str
    rules: str = ""
    lock: str = NONE
    rewrites: bool = False
    scans: bool = False
    on: str = "t"
    others: tuple[tuple[str, str], ...] = ()
    known: str | None = None
    since: int = 0
    fails: str = ""
    alone: bool = False


def _add(column: str, rules: str = "", *, rewrites: bool = False, scans: bool = False, **more: Any) -> Case:
    return Case(f"ALTER TABLE t ADD COLUMN {column}", rules, AE, rewrites, scans or rewrites, **more)


def _retype(
    change: str, *, rewrites: bool = False, scans: bool = False, on: str = "t", extra: str = "", **more: Any
) -> Case:
    unknown = " ".join(part for part in ("change_type:critical", extra) if part)
    known = unknown if rewrites or scans else unknown.replace("critical", "minor")
    return Case(
        f"ALTER TABLE {on} ALTER COLUMN {change}", unknown, AE, rewrites, scans or rewrites, on, known=known, **more
    )


def _alter(action: str, rules: str = "", lock: str = AE, **more: Any) -> Case:
    return Case(f"ALTER TABLE t {action}", rules, lock, **more)


VOLATILE = "volatile_default:critical"
CHECK = "add_check:critical"
BOTH = (("customers", SRE),)
BARE = "foreign_key_without_index:minor"
NULLABLE = "add_primary_key:critical"

CASES = (
    # -- columns are added ---------------------------------------------------------------------------------------
    _add("x int"),
    _add("x int DEFAULT 5"),
    _add("x int NOT NULL DEFAULT 5"),
    _add("x int DEFAULT NULL"),
    _add("x text DEFAULT 'a' || 'b'"),
    _add("x timestamptz DEFAULT now()"),
    _add("x timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP"),
    _add("x timestamptz DEFAULT now() - interval '1 day'"),
    _add("x timestamptz DEFAULT pg_catalog.now()"),
    _add("x timestamptz DEFAULT transaction_timestamp()"),
    _add("x text DEFAULT concat('a', 'b')"),
    _add("x text DEFAULT lower('A')"),
    _add("x text DEFAULT current_user"),
    _add("x jsonb DEFAULT '{}'::jsonb"),
    _add("x jsonb DEFAULT jsonb_build_object('a', 1)"),
    _add("x int[] DEFAULT ARRAY[]::int[]"),
    _add("x int DEFAULT abs(-3) + length('abc')"),
    _add("x mood_ DEFAULT 'ok'"),
    _add("x plain_ DEFAULT 'a'"),
    _add("x int DEFAULT steady()", VOLATILE, known=""),
    _add("x int DEFAULT shaky()", VOLATILE, rewrites=True),
    _add("x uuid DEFAULT gen_random_uuid()", VOLATILE, rewrites=True),
    _add("x uuid NOT NULL DEFAULT gen_random_uuid()", VOLATILE, rewrites=True),
    _add("x float DEFAULT random()", VOLATILE, rewrites=True),
    _add("x timestamptz DEFAULT clock_timestamp()", VOLATILE, rewrites=True),
    _add("x text DEFAULT timeofday()", VOLATILE, rewrites=True),
    _add("x text DEFAULT md5(random()::text)", VOLATILE, rewrites=True),
    _add("x bigint DEFAULT nextval('numbers')", VOLATILE, rewrites=True),
    _add("x bigserial", "add_numbered_column:critical", rewrites=True),
    _add("x serial", "add_numbered_column:critical int_key:minor", rewrites=True),
    _add("x bigint GENERATED ALWAYS AS IDENTITY", "add_numbered_column:critical", rewrites=True),
    _add("x bigint GENERATED BY DEFAULT AS IDENTITY", "add_numbered_column:critical", rewrites=True),
    _add("x bigint GENERATED ALWAYS AS (id * 2) STORED", "add_stored_column:critical", rewrites=True),
    _add("x bigint GENERATED ALWAYS AS (id * 2) VIRTUAL", since=18),
    _add("x bigint GENERATED ALWAYS AS (id * 2)", since=18),
    _add("x bigint GENERATED ALWAYS AS (id * 2) VIRTUAL NOT NULL", "add_column_check:critical", scans=True, since=18),
    _add("x grade_ DEFAULT 3", "", rewrites=True, known="add_domain_column:critical"),
    _add("x int NOT NULL", "add_required_column:critical", fails="23502"),
    _add("x int NOT NULL DEFAULT NULL", "add_required_column:critical", fails="23502"),
    _add("x int CHECK (x > 0)", "add_column_check:critical", scans=True),
    _add("x int DEFAULT 5 CHECK (x > 0)", "add_column_check:critical", scans=True),
    _add("x bigint REFERENCES customers", f"add_column_reference:major {BARE}", others=(("customers", SRE),)),
    _add("x bigint DEFAULT 1 REFERENCES customers", f"add_column_reference:critical {BARE}", scans=True, others=BOTH),
    _add("x int8 UNIQUE REFERENCES customers", "add_column_reference:major add_column_unique:critical", others=BOTH, scans=True),
    _add("x int UNIQUE", "add_column_unique:critical", scans=True),
    _add("x json", "column_type:minor"),
    _add("x char(3)", "column_type:minor"),
    _add("x timestamp", "column_type:minor"),
    _add("x money", "column_type:minor"),
    _add("x timetz", "column_type:minor"),
    _add("IF NOT EXISTS id bigint"),
    Case(
        "ALTER TABLE keyless ADD COLUMN id bigserial PRIMARY KEY",
        "add_numbered_column:critical add_column_unique:critical",
        AE, True, True, "keyless",
    ),
    Case(
        "ALTER TABLE keyless ADD COLUMN id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        "add_numbered_column:critical add_column_unique:critical int_key:minor",
        AE, True, True, "keyless",
    ),
    Case("ALTER TABLE parent ADD COLUMN x int DEFAULT 3", "", AE, on="parent_1"),
    # -- columns go, and change their names ----------------------------------------------------------------------
    _alter("DROP COLUMN a", "drop_column:critical"),
    _alter("DROP COLUMN IF EXISTS nothing", "drop_column:critical"),
    _alter("DROP COLUMN n CASCADE", "drop_column:critical drop_cascade:critical"),
    _alter("DROP COLUMN viewed", "drop_column:critical", fails="2BP01"),
    _alter("RENAME COLUMN a TO x", "rename_column:critical"),
    _alter("RENAME a TO x", "rename_column:critical"),
    _alter("RENAME TO x", "rename_table:critical"),
    _alter("SET SCHEMA other", "rename_table:critical"),
    _alter("RENAME CONSTRAINT done TO x", "rename_object:minor"),
    _alter("DROP COLUMN a, ADD COLUMN x text", "drop_column:critical drop_and_add:critical"),
    Case("ALTER VIEW shown RENAME TO x", "rename_table:critical", AE, on="shown"),
    Case("ALTER INDEX t_a RENAME TO x", "", NONE),
    Case("ALTER SCHEMA other RENAME TO another", "rename_object:critical"),
    Case("ALTER TYPE mood_ RENAME TO x", "rename_object:critical"),
    Case("ALTER TYPE mood_ RENAME VALUE 'ok' TO 'fine'", "rename_object:critical"),
    Case("ALTER FUNCTION steady() RENAME TO x", "rename_object:critical"),
    Case("ALTER SEQUENCE numbers RENAME TO x", "rename_object:critical", AE, on="numbers"),
    # -- types change --------------------------------------------------------------------------------------------
    _retype("v10 TYPE varchar(20)"),
    _retype("v10 TYPE varchar"),
    _retype("v10 TYPE text"),
    _retype("v10 SET DATA TYPE text USING v10"),
    _retype("v10 TYPE varchar(5)", rewrites=True),
    _retype("v10 TYPE varchar(20) USING lower(v10)", rewrites=True),
    _retype("v10 TYPE char(20)", rewrites=True, extra="column_type:minor"),
    _retype("v10 TYPE plain_"),
    _retype("a TYPE varchar"),
    _retype("a TYPE varchar(50)", rewrites=True),
    _retype("c8 TYPE text", rewrites=True),
    _retype("c8 TYPE char(9)", rewrites=True, extra="column_type:minor"),
    _retype("num TYPE numeric(10, 2)"),
    _retype("num TYPE numeric"),
    _retype("num TYPE numeric(8, 3)", rewrites=True),
    _retype("num TYPE numeric(6, 2)", rewrites=True),
    _retype("free TYPE numeric(10, 2)", rewrites=True),
    _retype("n TYPE bigint", rewrites=True),
    _retype("nn TYPE bigint", rewrites=True),
    _retype("nn TYPE smallint", rewrites=True),
    _retype("nn TYPE text", rewrites=True),
    _retype("nn TYPE int"),
    _retype("ip TYPE inet"),
    _retype("tz TYPE timestamptz(6)"),
    _retype("tz TYPE timestamptz"),
    _retype("tz0 TYPE timestamptz(3)", rewrites=True),
    _retype("ts TYPE timestamptz"),
    _retype("ts TYPE date", rewrites=True),
    _retype("iv TYPE interval(6)"),
    _retype("vb TYPE varbit(16)"),
    _retype("vb TYPE varbit(4)", rewrites=True),
    _retype("arr TYPE varchar(20)[]", rewrites=True),
    _retype("j TYPE jsonb", rewrites=True),
    _retype("jb TYPE json", rewrites=True, extra="column_type:minor"),
    _retype("code TYPE int USING code::int", rewrites=True),
    _retype("checked TYPE varchar(20)", scans=True),
    _retype("indexed TYPE varchar(20)"),
    _retype("indexed TYPE text"),
    _retype("vi TYPE timestamptz", scans=True),
    _retype("viewed TYPE varchar(20)", rewrites=True, fails="0A000"),  # critical, because a view names it
    _retype("same TYPE bigint"),
    # -- NOT NULL, defaults --------------------------------------------------------------------------------------
    _alter("ALTER COLUMN n SET NOT NULL", "set_not_null:critical", scans=True),
    _alter("ALTER COLUMN nn SET NOT NULL", "set_not_null:critical", known=""),
    _alter("ALTER COLUMN proven SET NOT NULL", "set_not_null:critical", known=""),
    _alter("ALTER COLUMN code SET NOT NULL", "set_not_null:critical", scans=True),
    _alter("ALTER COLUMN long_ SET NOT NULL", "set_not_null:critical", scans=True),
    _alter("ALTER COLUMN nn DROP NOT NULL", "drop_not_null:minor"),
    _alter("ALTER COLUMN d DROP DEFAULT", "drop_not_null:minor"),
    _alter("ALTER COLUMN d SET DEFAULT 6", "set_default:minor"),
    _alter("ALTER COLUMN d SET DEFAULT random()", "set_default:minor"),
    _alter("ADD CONSTRAINT x NOT NULL n", CHECK, since=18, scans=True),
    _alter("ADD CONSTRAINT x NOT NULL n NOT VALID", "", since=18),
    _alter("ADD CONSTRAINT x NOT NULL proven", CHECK, since=18, known=""),
    # -- constraints ---------------------------------------------------------------------------------------------
    _alter("ADD CONSTRAINT x CHECK (n > 0)", CHECK, scans=True),
    _alter("ADD CHECK (n IS NOT NULL)", CHECK, scans=True),
    _alter("ADD CONSTRAINT x CHECK (n > 0) NOT VALID"),
    _alter("VALIDATE CONSTRAINT pending", "", SUE, scans=True),
    _alter("VALIDATE CONSTRAINT pending_fk", "", SUE, others=(("customers", RS),), scans=True),
    _alter("ADD FOREIGN KEY (customer_id) REFERENCES customers", f"add_foreign_key:major {BARE}", SRE, others=BOTH, scans=True),
    _alter("ADD FOREIGN KEY (customer_id) REFERENCES customers NOT VALID", BARE, SRE, others=BOTH),
    _alter("ADD FOREIGN KEY (same) REFERENCES customers NOT VALID", BARE, SRE, others=BOTH, known=""),
    _alter("ADD CONSTRAINT x UNIQUE (n)", "add_unique:critical", scans=True),
    _alter("ADD CONSTRAINT x UNIQUE USING INDEX t_u", ""),
    _alter("ADD EXCLUDE USING gist (period WITH &&)", "add_exclusion:critical", scans=True),
    Case("ALTER TABLE keyless ADD PRIMARY KEY (y)", "add_primary_key:critical", AE, False, True, "keyless"),
    Case("ALTER TABLE keyless ADD PRIMARY KEY USING INDEX keyless_y", "", AE, False, False, "keyless"),
    Case("ALTER TABLE keyless ADD PRIMARY KEY USING INDEX keyless_x", "", AE, False, True, "keyless", known=NULLABLE),
    _alter("DROP CONSTRAINT done", "drop_constraint:minor"),
    _alter("DROP CONSTRAINT done_fk", "drop_constraint:minor", others=(("customers", AE),)),
    _alter("DROP CONSTRAINT IF EXISTS nothing", "drop_constraint:minor"),
    _alter("DROP CONSTRAINT t_pkey CASCADE", "drop_constraint:minor drop_cascade:critical"),
    _alter("ALTER CONSTRAINT done_fk DEFERRABLE"),
    # -- indexes -------------------------------------------------------------------------------------------------
    Case("CREATE INDEX x ON t (n)", "create_index:major", S, scans=True),
    Case("CREATE UNIQUE INDEX x ON t (id)", "create_index:major", S, scans=True),
    Case("CREATE INDEX x ON t (n) WHERE n > 5", "create_index:major", S, scans=True),
    Case("CREATE INDEX x ON t USING hash (a)", "create_index:major", S, scans=True),
    Case("CREATE INDEX CONCURRENTLY x ON t (n)", "", SUE, alone=True),
    Case("CREATE INDEX CONCURRENTLY IF NOT EXISTS x ON t (n)", "concurrently_if_not_exists:major", SUE, alone=True),
    Case("CREATE INDEX x ON parent (id)", "create_index:major", S, scans=True, on="parent_1"),
    Case("CREATE INDEX x ON ONLY parent (id)", "create_index:major", S, on="parent", known=""),
    Case(
        "CREATE INDEX CONCURRENTLY x ON parent (id)", "",
        on="parent", known="index_on_partitioned:major", fails="0A000", alone=True,
    ),
    Case("DROP INDEX t_a", "drop_index:minor", AE),
    Case("DROP INDEX CONCURRENTLY t_a", "", SUE, alone=True),
    Case("REINDEX TABLE t", "reindex:major", S, scans=True),
    Case("REINDEX INDEX t_a", "reindex:major", S, scans=True),
    Case("REINDEX TABLE CONCURRENTLY t", "", SUE, alone=True),
    Case("REINDEX (CONCURRENTLY) INDEX t_a", "", SUE, alone=True),
    Case("ALTER INDEX t_a SET (fillfactor = 70)", ""),
    # -- whole tables --------------------------------------------------------------------------------------------
    Case("DROP TABLE t", "drop_table:critical", AE, fails="2BP01"),
    Case("DROP TABLE keyless", "drop_table:critical", AE, on="keyless"),
    Case("DROP TABLE IF EXISTS nothing", "drop_table:critical"),
    Case("DROP TABLE t CASCADE", "drop_table:critical drop_cascade:critical", AE, others=(("customers", AE),)),
    Case("TRUNCATE keyless", "truncate:critical", AE, True, False, "keyless"),
    Case("TRUNCATE customers CASCADE", "truncate:critical", AE, True, False, "customers"),
    Case("VACUUM FULL t", "vacuum_full:critical", AE, alone=True),
    Case("VACUUM (FULL, ANALYZE) t", "vacuum_full:critical", AE, alone=True),
    Case("VACUUM t", "", SUE, alone=True),
    Case("VACUUM (FULL off) t", "", SUE, alone=True),
    Case("ANALYZE t", "", SUE),
    Case("CLUSTER t USING t_pkey", "vacuum_full:critical", AE, True, True),
    Case("REFRESH MATERIALIZED VIEW mv", "refresh_view:critical", AE, True, on="mv"),
    Case("REFRESH MATERIALIZED VIEW CONCURRENTLY mv", "", E, False, True, "mv"),
    _alter("SET UNLOGGED", "rewrite_table:critical", rewrites=True, scans=True),
    _alter("SET TABLESPACE elsewhere", "rewrite_table:critical", fails="42704"),  # a test of its own has such a tablespace
    _alter("ALTER COLUMN gen SET EXPRESSION AS (id * 3)", "rewrite_table:critical", rewrites=True, since=17, scans=True),
    _alter("ALTER COLUMN gen DROP EXPRESSION", "drop_expression:critical"),
    _alter("SET (fillfactor = 70)", "", SUE),
    _alter("SET (autovacuum_enabled = false)", "", SUE),
    _alter("ALTER COLUMN a SET STATISTICS 500", "", SUE),
    _alter("ALTER COLUMN a SET STORAGE external", ""),
    _alter("REPLICA IDENTITY FULL", ""),
    _alter("CLUSTER ON t_pkey", "", SUE),
    _alter("OWNER TO CURRENT_USER", ""),
    Case("LOCK TABLE t", "lock_table:major", AE),
    Case("LOCK TABLE t IN SHARE MODE", "lock_table:major", S),
    Case("LOCK TABLE t IN ROW EXCLUSIVE MODE", "", RE),
    Case("COMMENT ON TABLE t IS 'x'", "", SUE),
    # -- partitions ----------------------------------------------------------------------------------------------
    Case(
        "ALTER TABLE parent ATTACH PARTITION joining FOR VALUES FROM (300) TO (400)",
        "attach_partition:minor", SUE, on="parent", others=(("joining", AE),),
    ),
    Case(
        "ALTER TABLE parent ATTACH PARTITION fitting FOR VALUES FROM (500) TO (600)",
        "attach_partition:minor", SUE, on="parent", others=(("fitting", AE),),
    ),
    Case(
        "CREATE TABLE x PARTITION OF defaulted FOR VALUES FROM (1) TO (10)",
        "attach_partition:minor", AE, on="defaulted", known="attach_partition:major",
    ),
    Case("CREATE TABLE x PARTITION OF parent FOR VALUES FROM (200) TO (300)", "attach_partition:minor", AE, on="parent"),
    Case("ALTER TABLE parent DETACH PARTITION parent_1", "detach_partition:minor", AE, on="parent", others=(("parent_1", AE),)),
    Case("ALTER TABLE parent DETACH PARTITION parent_1 CONCURRENTLY", "", SUE, on="parent", alone=True),
    # -- triggers, rights ----------------------------------------------------------------------------------------
    Case("CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION noop()", "create_trigger:minor", SRE),
    Case("DROP TRIGGER there ON t", "create_trigger:minor", AE),
    Case("DROP RULE quiet ON ruled", "create_trigger:minor", AE, on="ruled"),
    _alter("DISABLE TRIGGER there", "disable_trigger:minor", SRE),
    _alter("DISABLE TRIGGER ALL", "disable_trigger:major", SRE),
    _alter("ENABLE ALWAYS TRIGGER there", "disable_trigger:minor", SRE),
    _alter("ENABLE ROW LEVEL SECURITY", "row_security:critical"),
    _alter("DISABLE ROW LEVEL SECURITY", "row_security:critical"),
    _alter("FORCE ROW LEVEL SECURITY", "row_security:critical"),
    Case("CREATE POLICY x ON t USING (true)", "", AE),
    Case("DROP POLICY everybody ON t", "row_security:critical", AE),
    Case("REVOKE SELECT ON t FROM PUBLIC", "row_security:critical"),
    Case("GRANT SELECT ON t TO PUBLIC", ""),
    # -- rows ----------------------------------------------------------------------------------------------------
    Case("UPDATE t SET a = 'x'", "unbounded_update:major", RE),
    Case("UPDATE t SET a = 'x' WHERE a IS NULL", "unbounded_update:major", RE),
    Case("UPDATE t SET a = 'x' WHERE id = 5", "", RE),
    Case("UPDATE t SET a = 'x' WHERE id BETWEEN 5 AND 10", "", RE),
    Case("UPDATE t SET a = 'x' WHERE id >= 5", "unbounded_update:major", RE),
    Case("UPDATE t SET a = 'x' WHERE id >= 5 AND id < 9 AND a IS NULL", "", RE),
    Case("UPDATE t SET a = 'x' WHERE id IN (SELECT id FROM t WHERE a IS NULL LIMIT 10)", "", RE),
    Case("UPDATE t SET a = 'x' WHERE id IN (SELECT id FROM t WHERE a IS NULL)", "unbounded_update:major", RE),
    Case("UPDATE t SET a = 'x' WHERE u = 5", "unbounded_update:major", RE, known=""),
    Case("UPDATE t SET a = c.name FROM customers c WHERE c.id = t.customer_id", "unbounded_update:major", RE),
    Case("DELETE FROM t", "unbounded_update:major", RE),
    Case("DELETE FROM t WHERE n < 5", "unbounded_update:major", RE),
    Case("DELETE FROM t WHERE id IN (1, 2, 3)", "", RE),
    Case("MERGE INTO keyless k USING t ON k.x = t.id WHEN MATCHED THEN DELETE", "unbounded_update:major", RE, on="keyless"),
    Case("WITH gone AS (DELETE FROM keyless RETURNING x) SELECT count(*) FROM gone", "unbounded_update:major", RE, on="keyless"),
    Case("INSERT INTO keyless VALUES (1000, 1000)", "", RE, on="keyless"),
    # -- one after the other -------------------------------------------------------------------------------------
    Case("ALTER TABLE t ADD COLUMN x int; ALTER TABLE t ADD COLUMN y int", "one_alter:minor", AE),
    Case("ALTER TABLE t ADD COLUMN x uuid; ALTER TABLE t ALTER x SET DEFAULT gen_random_uuid()", "one_alter:minor", AE),
    Case("ALTER TABLE t ADD COLUMN x int; ALTER TABLE t ADD CHECK (x > 0) NOT VALID", "one_alter:minor", AE),
    Case("ALTER TABLE t ADD COLUMN x int; SET work_mem = '4MB'; ALTER TABLE public.t ADD COLUMN y int", "one_alter:minor", AE),
    Case(
        "ALTER TABLE t ALTER n TYPE bigint; ALTER TABLE t ALTER g TYPE bigint",
        "change_type:critical change_type:critical one_alter:minor", AE, True,
    ),
    Case("ALTER TABLE t ADD COLUMN x int, ADD COLUMN y int", "", AE),
    Case("ALTER TABLE t ADD COLUMN x int; ALTER TABLE keyless ADD COLUMN z int", "", AE, others=(("keyless", AE),)),
    Case("ALTER TABLE t ADD CONSTRAINT x CHECK (n > 0) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT x", "", AE, scans=True),
    Case("ALTER TABLE t ADD COLUMN x int; UPDATE t SET x = 1 WHERE id = 1; ALTER TABLE t ADD COLUMN y int", "", AE),
    Case("ALTER TABLE t SET (fillfactor = 70); ALTER TABLE t ALTER a SET STATISTICS 5", "", SUE),
    Case(
        "UPDATE t SET a = 'x' WHERE id BETWEEN 1 AND 5; UPDATE t SET a = 'x' WHERE id BETWEEN 6 AND 9;"
        " UPDATE t SET a = 'x' WHERE id BETWEEN 10 AND 20",
        "unthrottled_backfill:major", RE,
    ),
    Case(
        "UPDATE t SET a = 'x' WHERE id BETWEEN 1 AND 5; SELECT pg_sleep(0); UPDATE t SET a = 'x' WHERE id BETWEEN 6 AND 9;"
        " UPDATE t SET a = 'x' WHERE id BETWEEN 10 AND 20",
        "", RE,
    ),
    Case("UPDATE t SET a = 'x' WHERE id = 1; UPDATE t SET a = 'y' WHERE id = 2; UPDATE t SET a = 'z' WHERE id = 3", "", RE),
    Case(
        "DO $$ BEGIN FOR i IN 1..3 LOOP UPDATE t SET a = 'x' WHERE id = i; END LOOP; END $$",
        "opaque:major unthrottled_backfill:major", RE,
    ),
    Case(
        "DO $$ BEGIN FOR i IN 1..3 LOOP UPDATE t SET a = 'x' WHERE id = i; PERFORM pg_sleep(0); END LOOP; END $$",
        "opaque:major", RE,
    ),
    Case("DO $$ BEGIN /* LOOP */ UPDATE t SET a = 'x' WHERE id = 1; END $$", "opaque:major", RE),
    # -- types and the rest --------------------------------------------------------------------------------------
    Case("ALTER TYPE mood_ ADD VALUE 'great'", ""),
    Case("ALTER DOMAIN grade_ ADD CHECK (VALUE < 10)", "domain_constraint:major", S, on="graded", scans=True),
    Case("ALTER DOMAIN grade_ ADD CHECK (VALUE < 10) NOT VALID", ""),
    Case("ALTER DOMAIN grade_ SET NOT NULL", "domain_constraint:major", S, on="graded", scans=True),
    Case("DROP VIEW shown", "drop_object:critical", AE, on="shown"),
    Case("DROP MATERIALIZED VIEW mv", "drop_object:critical", AE, on="mv"),
    Case("DROP FUNCTION steady()", "drop_object:critical"),
    Case("DROP TYPE mood_", "drop_object:critical", fails="2BP01"),
    Case("DROP SCHEMA other", "drop_object:critical"),
    Case("DROP SCHEMA other CASCADE", "drop_object:critical drop_cascade:critical"),
    Case("DROP SEQUENCE numbers", "drop_object:critical"),
    Case("DO $$ BEGIN PERFORM 1; END $$", "opaque:major"),
    Case("CREATE TABLE x (id bigint PRIMARY KEY, t_id bigint REFERENCES t)", BARE, SRE),
    Case("CREATE TABLE x (id bigint PRIMARY KEY REFERENCES t)", "", SRE),
    Case("CREATE TABLE x (a int, t_id bigint REFERENCES t, UNIQUE (t_id, a))", "", SRE),
    Case("CREATE TABLE x (a int, t_id bigint REFERENCES t, UNIQUE (a, t_id))", BARE, SRE),
    Case("CREATE TABLE x (id serial PRIMARY KEY, at timestamp)", "int_key:minor column_type:minor"),
    Case("CREATE TABLE x (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz, body jsonb)", ""),
    Case("CREATE TABLE x (LIKE t INCLUDING ALL)", ""),
    Case("CREATE VIEW x AS SELECT id FROM t", ""),
    Case("CREATE FUNCTION x() RETURNS int LANGUAGE sql AS 'SELECT 1'", ""),
    Case("SELECT count(*) FROM t", ""),
)  # fmt: skip

INDEXED = (
    "CREATE INDEX x ON t (customer_id, n); ALTER TABLE t ADD FOREIGN KEY (customer_id) REFERENCES customers NOT VALID",
    "CREATE INDEX x ON t (n, customer_id); ALTER TABLE t ADD FOREIGN KEY (customer_id) REFERENCES customers NOT VALID",
    "ALTER TABLE t ADD FOREIGN KEY (customer_id) REFERENCES customers NOT VALID; CREATE INDEX x ON t (customer_id)",
    "CREATE TABLE x (t_id bigint REFERENCES t); CREATE INDEX ON x (t_id)",
    "CREATE TABLE x (t_id bigint REFERENCES t); CREATE INDEX ON x USING brin (t_id)",
    "CREATE TABLE x (a bigint, b bigint, PRIMARY KEY (a, b)); CREATE TABLE y (b bigint, a bigint,"
    " FOREIGN KEY (a, b) REFERENCES x, PRIMARY KEY (b, a))",
)
"""Foreign keys and indexes of one script."""
