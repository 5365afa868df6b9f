-- Freezes of the whole registry or one target, and deploys as evidence: said by people, kept in the history alone.

-- As in 0006, and besides: freezes and deploys are not the worker's to write.
CREATE OR REPLACE FUNCTION orch.append_event(change_id text, kind text, data jsonb) RETURNS orch.event
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, orch, pg_temp AS $$
BEGIN
    IF append_event.kind IS NULL OR append_event.kind LIKE 'gate.%' OR append_event.kind LIKE 'hold.%'
        OR append_event.kind LIKE 'freeze.%' OR coalesce(append_event.change_id, '') = ''
        OR append_event.kind IN ('advance.requested', 'abort.started', 'undo.started', 'unswitch.started',
            'backfill.tuned', 'deploy.attested') THEN
        RAISE EXCEPTION '% is written by a function of its own only', append_event.kind USING ERRCODE = 'OR012';
    ELSIF append_event.kind = 'break_glass.used' AND orch.roles_in_force()
        AND NOT orch.is_member(session_user, 'orch_owner') THEN
        RAISE EXCEPTION '% may not break glass', session_user
            USING ERRCODE = 'OR010', HINT = 'Members of orch_owner may.';
    END IF;
    RETURN orch.link_event(append_event.change_id, append_event.kind, append_event.data);
END
$$;

-- Until a moment no phase starts, on one target or on all; NULL lifts. Events of no change have the empty name.
CREATE FUNCTION orch.record_freeze(until timestamptz, reason text, target text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, orch, pg_temp AS $$
BEGIN
    IF orch.roles_in_force() AND NOT (orch.is_member(session_user, 'orch_operator')
        OR orch.is_member(session_user, 'orch_owner')) THEN
        RAISE EXCEPTION '% is no member of orch_operator or orch_owner', session_user USING ERRCODE = 'OR010';
    ELSIF coalesce(btrim(record_freeze.reason), '') = '' THEN
        RAISE EXCEPTION 'a freeze needs a reason, and so does its end' USING ERRCODE = 'OR006';
    ELSIF record_freeze.until <= clock_timestamp() THEN
        RAISE EXCEPTION 'a freeze until % is over already', record_freeze.until USING ERRCODE = 'OR011';
    END IF;
    PERFORM orch.link_event('', CASE WHEN until IS NULL THEN 'freeze.lifted' ELSE 'freeze.set' END,
        jsonb_strip_nulls(jsonb_build_object('target', record_freeze.target, 'reason', record_freeze.reason,
            'until', to_char(record_freeze.until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))));
END
$$;

-- A deploy that somebody (a pipeline) says has happened.
CREATE FUNCTION orch.record_deploy(change_id text, deploy text, version text, url text DEFAULT NULL,
    seen_version integer DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, orch, pg_temp AS $$
DECLARE
    c orch.change;
BEGIN
    SELECT k.* INTO c FROM orch.change k WHERE k.id = record_deploy.change_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no change %', record_deploy.change_id USING ERRCODE = 'OR001';
    ELSIF orch.roles_in_force() AND NOT (orch.is_member(session_user, 'orch_operator')
        OR orch.is_member(session_user, 'orch_worker') OR orch.is_member(session_user, 'orch_owner')) THEN
        RAISE EXCEPTION '% is no member of orch_operator, orch_worker or orch_owner', session_user
            USING ERRCODE = 'OR010';
    ELSIF record_deploy.seen_version <> c.version THEN
        RAISE EXCEPTION '% has moved from version % to % since it was looked at', c.id, seen_version, c.version
            USING ERRCODE = 'OR005';
    ELSIF c.state IN ('completed', 'aborted') THEN
        RAISE EXCEPTION 'deploy.attested cannot follow while the change is %', c.state USING ERRCODE = 'OR011';
    ELSIF coalesce(btrim(record_deploy.deploy), '') = '' OR coalesce(btrim(record_deploy.version), '') = '' THEN
        RAISE EXCEPTION 'a deploy has a name and a version' USING ERRCODE = 'OR011';
    END IF;
    UPDATE orch.change k SET version = k.version + 1, updated_at = clock_timestamp() WHERE k.id = c.id;
    PERFORM orch.link_event(c.id, 'deploy.attested', jsonb_strip_nulls(
        jsonb_build_object('deploy', record_deploy.deploy, 'version', record_deploy.version, 'url', record_deploy.url)));
END
$$;

REVOKE ALL ON FUNCTION orch.record_freeze(timestamptz, text, text), orch.record_deploy(text, text, text, text, integer)
    FROM PUBLIC;
