-- That somebody ends a session on a target which stands in the way: said by people, kept in the history alone.

CREATE FUNCTION orch.record_cancel(facts jsonb, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, orch, pg_temp AS $$
BEGIN
    IF orch.roles_in_force() AND NOT (orch.is_member(session_user, 'orch_operator')
        OR orch.is_member(session_user, 'orch_owner')) THEN
        RAISE EXCEPTION '% is no member of orch_operator or orch_owner', session_user USING ERRCODE = 'OR010';
    ELSIF coalesce(btrim(record_cancel.reason), '') = '' THEN
        RAISE EXCEPTION 'ending a session needs a reason' USING ERRCODE = 'OR006';
    ELSIF coalesce(record_cancel.facts->>'target', '') = '' OR coalesce(record_cancel.facts->>'pid', '') = '' THEN
        RAISE EXCEPTION 'a session is known by its target and its pid' USING ERRCODE = 'OR011';
    END IF;
    PERFORM orch.link_event('', 'session.cancelled', record_cancel.facts || jsonb_build_object('reason', record_cancel.reason));
END
$$;

REVOKE ALL ON FUNCTION orch.record_cancel(jsonb, text) FROM PUBLIC;
