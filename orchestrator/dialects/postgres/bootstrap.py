"""Schema ``orch_target`` on the target: fences, markers, read switches, rejected rows and the functions over them.

Why it exists: some facts must be committed with the application's own rows (what batch is done, whether a worker is still
the one that may write, which row did not convert), so they live in the target's database.
"""

from __future__ import annotations

import re

LOCK_KEY = 0x6F726368
"""Advisory lock of bootstrapping; polled, never waited for (a blocking waiter deadlocks with a concurrent build)."""

_READS_NEW = """CREATE OR REPLACE FUNCTION orch_target.reads_new(p_change textARGUMENT) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((SELECT s.percent >= 100 OR s.percent > 0
                        AND hashtextextended(p_change || ':' || KEY, 0) & 1048575 < s.percent * 1048576 / 100
                       FROM orch_target.read_switch s WHERE s.change_id = p_change), false)
$$"""
"""Halfway up a ramp, one answer per transaction, or per key: whoever read the new shape once goes on doing so as it rises."""
_BY_TRANSACTION = "extract(epoch FROM now())::text"

STATEMENTS: tuple[str, ...] = (
    "CREATE SCHEMA IF NOT EXISTS orch_target",
    "GRANT USAGE ON SCHEMA orch_target TO PUBLIC",
    """CREATE TABLE IF NOT EXISTS orch_target.fence (
    change_id text PRIMARY KEY,
    fence bigint NOT NULL
)""",
    """CREATE TABLE IF NOT EXISTS orch_target.marker (
    step_id text NOT NULL,
    lane integer NOT NULL DEFAULT 0,
    fence bigint NOT NULL,
    plan_sha256 text NOT NULL,
    cursor text[],
    rows_done bigint NOT NULL DEFAULT 0,
    passed boolean NOT NULL DEFAULT false,
    done_at timestamptz,
    turn integer NOT NULL DEFAULT 0,
    CONSTRAINT marker_pkey PRIMARY KEY (step_id, lane, turn)
)""",
    "ALTER TABLE orch_target.marker ADD COLUMN IF NOT EXISTS turn integer NOT NULL DEFAULT 0",
    """DO $$
BEGIN
    IF (SELECT cardinality(conkey) FROM pg_catalog.pg_constraint
         WHERE conrelid = 'orch_target.marker'::regclass AND conname = 'marker_pkey') = 2 THEN
        ALTER TABLE orch_target.marker DROP CONSTRAINT marker_pkey,
            ADD CONSTRAINT marker_pkey PRIMARY KEY (step_id, lane, turn);
    END IF;
END $$""",
    "CREATE TABLE IF NOT EXISTS orch_target.heartbeat (change_id text PRIMARY KEY, at timestamptz NOT NULL)",
    """CREATE TABLE IF NOT EXISTS orch_target.read_switch (
    change_id text PRIMARY KEY,
    percent integer NOT NULL DEFAULT 0 CHECK (percent BETWEEN 0 AND 100),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
)""",
    """CREATE TABLE IF NOT EXISTS orch_target.rejected_row (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    change_id text NOT NULL,
    sync_id text NOT NULL,
    direction text NOT NULL,
    key jsonb,
    sqlstate text NOT NULL,
    message text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
)""",
    "CREATE TABLE IF NOT EXISTS orch_target.seal (sync_id text PRIMARY KEY, print text NOT NULL)",
    """CREATE TABLE IF NOT EXISTS orch_target.reader_seen (
    change_id text NOT NULL,
    key text NOT NULL,
    calls bigint NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (change_id, key)
)""",
    "CREATE INDEX IF NOT EXISTS rejected_row_by_sync ON orch_target.rejected_row (sync_id, key)",
    """CREATE OR REPLACE FUNCTION orch_target.check_fence(p_change text, p_fence bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    standing bigint;
BEGIN
    SELECT f.fence INTO standing FROM orch_target.fence f WHERE f.change_id = p_change FOR SHARE;
    IF standing IS DISTINCT FROM p_fence THEN
        RAISE EXCEPTION 'fence % of % is over; % stands', p_fence, p_change, standing USING ERRCODE = 'OR409';
    END IF;
END $$""",
    """CREATE OR REPLACE FUNCTION orch_target.mark(p_step text, p_fence bigint, p_plan text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO orch_target.marker (step_id, turn, fence, plan_sha256, done_at)
    VALUES (p_step, coalesce((SELECT max(m.turn) FROM orch_target.marker m WHERE m.step_id = p_step AND m.lane = 0), 0),
            p_fence, p_plan, clock_timestamp())
    ON CONFLICT (step_id, lane, turn) DO UPDATE
        SET fence = excluded.fence, plan_sha256 = excluded.plan_sha256, done_at = excluded.done_at
$$""",
    _READS_NEW.replace("ARGUMENT", ", p_key text").replace("KEY", f"coalesce(p_key, {_BY_TRANSACTION})"),
    _READS_NEW.replace("ARGUMENT", "").replace("KEY", _BY_TRANSACTION),
    """CREATE OR REPLACE FUNCTION orch_target.reject(
    p_change text, p_sync text, p_direction text, p_key jsonb, p_sqlstate text, p_message text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pg_trigger_depth() = 0 THEN
        RAISE EXCEPTION 'orch_target.reject is called by sync triggers only' USING ERRCODE = '42501';
    END IF;
    DELETE FROM orch_target.rejected_row r WHERE r.sync_id = p_sync AND r.key = p_key;
    INSERT INTO orch_target.rejected_row (change_id, sync_id, direction, key, sqlstate, message)
    VALUES (p_change, p_sync, p_direction, p_key, p_sqlstate, p_message);
END $$""",
    """CREATE OR REPLACE FUNCTION orch_target.accept(p_sync text, p_key jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pg_trigger_depth() = 0 THEN
        RAISE EXCEPTION 'orch_target.accept is called by sync triggers only' USING ERRCODE = '42501';
    END IF;
    DELETE FROM orch_target.rejected_row r WHERE r.sync_id = p_sync AND r.key = p_key;
END $$""",
    "GRANT EXECUTE ON FUNCTION orch_target.reads_new(text), orch_target.reads_new(text, text), orch_target.accept(text, jsonb),"
    " orch_target.reject(text, text, text, jsonb, text, text) TO PUBLIC",
    """CREATE OR REPLACE FUNCTION orch_target.require_sync(p_table text, p_triggers text[], p_bodies text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    intact bigint;
    wanted bigint;
BEGIN
    SELECT cardinality(p_triggers) * count(DISTINCT r.relid),
           count(t.oid) FILTER (WHERE t.tgenabled IN ('O', 'A') AND md5(p.prosrc) = ANY (p_bodies))
      INTO wanted, intact
      FROM (SELECT p_table::regclass AS relid UNION SELECT s.relid FROM pg_partition_tree(p_table::regclass) s) r
      LEFT JOIN pg_trigger t ON t.tgrelid = r.relid AND t.tgname::text = ANY (p_triggers)
      LEFT JOIN pg_proc p ON p.oid = t.tgfoid;
    IF intact <> wanted THEN
        RAISE EXCEPTION 'sync of % is not intact: % of % triggers stand unchanged and enabled',
            p_table, intact, wanted USING ERRCODE = 'OR412';
    END IF;
END $$""",
    # Every ALTER or CREATE OR REPLACE writes a catalog row anew, so its xmin tells what an equal definition hides (F26).
    """CREATE OR REPLACE FUNCTION orch_target.sync_print(p_sync text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(string_agg(made.print, ' ' ORDER BY made.print), '')
      FROM (SELECT 't' || t.oid || '/' || t.xmin AS print
              FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
             WHERE p.pronamespace = 'orch_target'::regnamespace AND p.proname = 'sync_' || p_sync
            UNION ALL
            SELECT 'f' || p.oid || '/' || p.xmin FROM pg_proc p
             WHERE p.pronamespace = 'orch_target'::regnamespace AND right(p.proname, 1 + length(p_sync)) = '_' || p_sync) made
$$""",
    """CREATE OR REPLACE FUNCTION orch_target.seal_sync(p_sync text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO orch_target.seal (sync_id, print)
    SELECT p_sync, made.print FROM orch_target.sync_print(p_sync) AS made(print) WHERE made.print <> ''
    ON CONFLICT (sync_id) DO UPDATE SET print = excluded.print
$$""",
    """CREATE OR REPLACE FUNCTION orch_target.is_sealed(p_sync text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((SELECT s.print FROM orch_target.seal s WHERE s.sync_id = p_sync), '') = orch_target.sync_print(p_sync)
$$""",
    """CREATE OR REPLACE FUNCTION orch_target.require_seal(p_sync text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT orch_target.is_sealed(p_sync) THEN
        RAISE EXCEPTION 'sync % was replaced, or off for a while, since its rows were filled', p_sync USING ERRCODE = 'OR412';
    END IF;
END $$""",
)
"""Idempotent, run in one transaction. Applications may call reads_new; reject and accept only inside sync triggers."""

FUNCTIONS = {
    found[1]: found[2]
    for statement in STATEMENTS
    if (found := re.match(r"CREATE OR REPLACE FUNCTION orch_target\.(\w+)\(.*?\$\$(.*)\$\$$", statement, re.DOTALL))
}
"""Name and body of every function, as the server keeps them: by these an older ``orch_target`` is known."""
TABLES = tuple(
    found[1]
    for statement in STATEMENTS
    if (found := re.match(r"CREATE TABLE IF NOT EXISTS orch_target\.(\w+)", statement))
)
LACKING = """
SELECT 'function ' || f.name FROM unnest(%s::text[], %s::text[]) AS f(name, body)
 WHERE NOT EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                    WHERE n.nspname = 'orch_target' AND p.proname = f.name AND p.prosrc = f.body)
UNION ALL
SELECT 'table ' || t.name FROM unnest(%s::text[]) AS t(name)
 WHERE NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE n.nspname = 'orch_target' AND c.relname = t.name)
UNION ALL
SELECT 'column marker.turn' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = 'orch_target' AND c.relname = 'marker'
   AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'turn')
ORDER BY 1
"""
