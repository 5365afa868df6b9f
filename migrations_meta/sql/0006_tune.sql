-- What a backfill is held to can be changed while it runs, by whoever may pause it; and progress says what holds it back.

ALTER TABLE orch.backfill
    ADD COLUMN eta_low_seconds double precision,
    ADD COLUMN eta_high_seconds double precision,
    ADD COLUMN eta_note text,
    ADD COLUMN duty double precision,
    ADD COLUMN lanes integer,
    ADD COLUMN reasons jsonb,
    ADD COLUMN control jsonb;

-- As in 0002, and besides: what people tune is not the worker's to write.
CREATE OR REPLACE FUNCTION orch.append_event(change_id text, kind text, data jsonb) RETURNS orch.event
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, orch, pg_temp AS $$
BEGIN
    IF append_event.kind IS NULL OR append_event.kind LIKE 'gate.%' OR append_event.kind LIKE 'hold.%'
        OR append_event.kind IN ('advance.requested', 'abort.started', 'undo.started', 'unswitch.started',
            'backfill.tuned') THEN
        RAISE EXCEPTION '% is written by orch.decide_gate, orch.record_intent or orch.record_tuning only',
            append_event.kind USING ERRCODE = 'OR012';
    ELSIF append_event.kind = 'break_glass.used' AND orch.roles_in_force()
        AND NOT orch.is_member(session_user, 'orch_owner') THEN
        RAISE EXCEPTION '% may not break glass', session_user
            USING ERRCODE = 'OR010', HINT = 'Members of orch_owner may.';
    END IF;
    RETURN orch.link_event(append_event.change_id, append_event.kind, append_event.data);
END
$$;

-- What a backfill is held to from now on, as session_user wants it. The worker reads it from the history.
CREATE FUNCTION orch.record_tuning(change_id text, settings jsonb, seen_version integer DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, orch, pg_temp AS $$
DECLARE
    c orch.change;
BEGIN
    SELECT k.* INTO c FROM orch.change k WHERE k.id = record_tuning.change_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no change %', record_tuning.change_id USING ERRCODE = 'OR001';
    ELSIF orch.roles_in_force() AND NOT (orch.is_member(session_user, 'orch_operator')
        OR orch.is_member(session_user, 'orch_worker') OR orch.is_member(session_user, 'orch_owner')) THEN
        RAISE EXCEPTION '% is no member of orch_operator, orch_worker or orch_owner', session_user
            USING ERRCODE = 'OR010';
    ELSIF record_tuning.seen_version <> c.version THEN
        RAISE EXCEPTION '% has moved from version % to % since it was looked at', c.id, seen_version, c.version
            USING ERRCODE = 'OR005';
    ELSIF c.state IN ('completed', 'aborted') THEN
        RAISE EXCEPTION 'backfill.tuned cannot follow while the change is %', c.state USING ERRCODE = 'OR011';
    ELSIF jsonb_typeof(record_tuning.settings) IS DISTINCT FROM 'object' OR record_tuning.settings = '{}'
        OR record_tuning.settings - ARRAY['statement_time', 'max_replica_lag', 'lanes', 'window', 'max_latency'] <> '{}' THEN
        RAISE EXCEPTION 'these settings of % cannot be tuned', c.id USING ERRCODE = 'OR011';
    END IF;
    UPDATE orch.change k SET version = k.version + 1, updated_at = clock_timestamp() WHERE k.id = c.id;
    PERFORM orch.link_event(c.id, 'backfill.tuned', record_tuning.settings);
END
$$;
