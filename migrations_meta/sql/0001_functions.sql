-- What the Registry refuses by itself, whoever writes to it. SQLSTATEs (class OR), mapped to exceptions in state/deciding.py:
--   OR001 no such change              OR002 the change does not rest at that gate
--   OR003 another plan                OR004 other evidence
--   OR005 another version             OR006 a reject without a reason
--   OR007 approved already            OR008 the requester may not approve
--   OR009 the history is append-only

CREATE FUNCTION orch.refuse_rewrite() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, orch, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% on orch.% is refused: the history is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'OR009', HINT = 'Record a new fact instead; orch audit --verify checks the chain.';
END
$$;

CREATE TRIGGER append_only_row BEFORE UPDATE OR DELETE ON orch.event
    FOR EACH ROW EXECUTE FUNCTION orch.refuse_rewrite();
CREATE TRIGGER append_only_all BEFORE TRUNCATE ON orch.event
    FOR EACH STATEMENT EXECUTE FUNCTION orch.refuse_rewrite();
CREATE TRIGGER append_only_row BEFORE UPDATE OR DELETE ON orch.approval
    FOR EACH ROW EXECUTE FUNCTION orch.refuse_rewrite();
CREATE TRIGGER append_only_all BEFORE TRUNCATE ON orch.approval
    FOR EACH STATEMENT EXECUTE FUNCTION orch.refuse_rewrite();
CREATE TRIGGER append_only_row BEFORE UPDATE OR DELETE ON orch.evidence
    FOR EACH ROW EXECUTE FUNCTION orch.refuse_rewrite();
CREATE TRIGGER append_only_all BEFORE TRUNCATE ON orch.evidence
    FOR EACH STATEMENT EXECUTE FUNCTION orch.refuse_rewrite();
CREATE TRIGGER kept_row BEFORE DELETE ON orch.event_head
    FOR EACH ROW EXECUTE FUNCTION orch.refuse_rewrite();
CREATE TRIGGER kept_all BEFORE TRUNCATE ON orch.event_head
    FOR EACH STATEMENT EXECUTE FUNCTION orch.refuse_rewrite();
-- ALWAYS: they hold under session_replication_role = replica too.
ALTER TABLE orch.event ENABLE ALWAYS TRIGGER append_only_row, ENABLE ALWAYS TRIGGER append_only_all;
ALTER TABLE orch.approval ENABLE ALWAYS TRIGGER append_only_row, ENABLE ALWAYS TRIGGER append_only_all;
ALTER TABLE orch.evidence ENABLE ALWAYS TRIGGER append_only_row, ENABLE ALWAYS TRIGGER append_only_all;
ALTER TABLE orch.event_head ENABLE ALWAYS TRIGGER kept_row, ENABLE ALWAYS TRIGGER kept_all;

-- The one way into the history. Callers have locked whatever else they need: the head is locked last.
CREATE FUNCTION orch.append_event(change_id text, kind text, data jsonb) RETURNS orch.event
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, orch, pg_temp AS $$
DECLARE
    head orch.event_head;
    link orch.event;
BEGIN
    SELECT h.* INTO STRICT head FROM orch.event_head h WHERE h.id = 1 FOR UPDATE;
    link.seq := head.seq + 1;
    link.change_id := append_event.change_id;
    link.at := to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    link.actor := session_user;
    link.kind := append_event.kind;
    link.payload := jsonb_build_object('seq', link.seq, 'change', link.change_id, 'at', link.at,
        'actor', link.actor, 'kind', link.kind, 'data', append_event.data)::text;
    link.prev_sha256 := head.sha256;
    link.sha256 := encode(sha256(convert_to(link.prev_sha256 || link.payload, 'UTF8')), 'hex');
    INSERT INTO orch.event SELECT link.*;
    UPDATE orch.event_head h SET seq = link.seq, sha256 = link.sha256 WHERE h.id = 1;
    PERFORM pg_notify('orch', link.change_id);
    RETURN link;
END
$$;

-- What each decision is worth now. The first reason that applies wins.
CREATE VIEW orch.approval_standing AS
SELECT a.id, a.change_id, a.gate, a.decision, a.approver, a.plan_sha256, a.evidence_sha256, a.reason, a.at, a.expires_at,
    CASE
        WHEN a.decision = 'reject' OR EXISTS (
            SELECT FROM orch.approval r WHERE r.change_id = a.change_id AND r.gate = a.gate AND r.decision = 'reject'
                AND r.plan_sha256 = a.plan_sha256 AND r.id > a.id) THEN 'rejected'
        WHEN a.plan_sha256 <> c.plan_sha256 OR a.at < c.planned_at THEN 'voided-by-plan'
        WHEN (a.gate = 'contract' AND a.at < c.contracted_at)
            OR (a.gate = 'switch_reads' AND a.at < c.switched_at) THEN 'spent'
        WHEN a.evidence_sha256 <> coalesce(e.sha256, encode(sha256(convert_to('[]', 'UTF8')), 'hex'))
            THEN 'voided-by-evidence'
        WHEN a.expires_at <= clock_timestamp() THEN 'expired'
        ELSE 'valid'
    END AS standing
FROM orch.approval a
JOIN orch.change c ON c.id = a.change_id
LEFT JOIN LATERAL (
    SELECT v.sha256 FROM orch.evidence v
    WHERE v.change_id = a.change_id AND v.gate = a.gate AND v.plan_sha256 = c.plan_sha256
    ORDER BY v.id DESC LIMIT 1) e ON true;

-- Raises unless session_user may say this about the change now.
CREATE FUNCTION orch.check_decision(c orch.change, gate text, decision text, plan_sha256 text, evidence_sha256 text,
    reason text, seen_version integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, orch, pg_temp AS $$
DECLARE
    ahead text := CASE c.state WHEN 'planned' THEN 'expand' WHEN 'expanded' THEN 'backfill'
        WHEN 'backfilled' THEN 'switch_reads' WHEN 'switched' THEN 'contract' WHEN 'contracted' THEN 'purge' END;
    found text := (SELECT v.sha256 FROM orch.evidence v WHERE v.change_id = c.id AND v.gate = check_decision.gate
        AND v.plan_sha256 = c.plan_sha256 ORDER BY v.id DESC LIMIT 1);
BEGIN
    IF check_decision.decision IS NULL OR check_decision.decision NOT IN ('approve', 'reject') THEN
        RAISE EXCEPTION 'the decision is approve or reject, not %', coalesce(check_decision.decision, 'NULL')
            USING ERRCODE = '22023';
    ELSIF ahead IS DISTINCT FROM check_decision.gate THEN
        RAISE EXCEPTION '% is %; it does not rest at the gate %', c.id, c.state, check_decision.gate
            USING ERRCODE = 'OR002', HINT = coalesce('It waits at ' || ahead || '.', 'It waits at no gate now.');
    ELSIF check_decision.seen_version <> c.version THEN
        RAISE EXCEPTION '% has moved from version % to % since it was looked at', c.id, seen_version, c.version
            USING ERRCODE = 'OR005';
    ELSIF c.plan_sha256 IS DISTINCT FROM check_decision.plan_sha256 THEN
        RAISE EXCEPTION 'the plan of % is %, not the one looked at', c.id, c.plan_sha256 USING ERRCODE = 'OR003';
    ELSIF coalesce(found, encode(sha256(convert_to('[]', 'UTF8')), 'hex'))
        IS DISTINCT FROM check_decision.evidence_sha256 THEN
        RAISE EXCEPTION 'the evidence at % of % is not the evidence looked at', check_decision.gate, c.id
            USING ERRCODE = 'OR004';
    ELSIF check_decision.decision = 'reject' AND coalesce(btrim(check_decision.reason), '') = '' THEN
        RAISE EXCEPTION 'a rejection of % needs a reason', c.id USING ERRCODE = 'OR006';
    ELSIF check_decision.decision = 'approve' AND session_user = c.requester
        AND coalesce((c.approvals_needed ->> check_decision.gate)::integer, 1) >= 2 THEN
        RAISE EXCEPTION '% submitted %, and its gate % asks for other people', session_user, c.id, check_decision.gate
            USING ERRCODE = 'OR008';
    ELSIF check_decision.decision = 'approve' AND EXISTS (
        SELECT FROM orch.approval_standing s WHERE s.change_id = c.id AND s.gate = check_decision.gate
            AND s.approver = session_user AND s.standing = 'valid') THEN
        RAISE EXCEPTION '% has approved this of % already', session_user, c.id USING ERRCODE = 'OR007';
    END IF;
END
$$;

CREATE FUNCTION orch.decide_gate(change_id text, gate text, decision text, plan_sha256 text, evidence_sha256 text,
    reason text, valid_for interval, seen_version integer DEFAULT NULL) RETURNS orch.approval
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, orch, pg_temp AS $$
DECLARE
    c orch.change;
    spoken timestamptz;
    said orch.approval;
BEGIN
    SELECT k.* INTO c FROM orch.change k WHERE k.id = decide_gate.change_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no change %', decide_gate.change_id USING ERRCODE = 'OR001';
    END IF;
    PERFORM orch.check_decision(c, decide_gate.gate, decide_gate.decision, decide_gate.plan_sha256,
        decide_gate.evidence_sha256, decide_gate.reason, decide_gate.seen_version);
    spoken := clock_timestamp();
    INSERT INTO orch.approval AS a
        (change_id, gate, decision, approver, plan_sha256, evidence_sha256, reason, at, expires_at)
    VALUES (c.id, decide_gate.gate, decide_gate.decision, session_user, decide_gate.plan_sha256,
        decide_gate.evidence_sha256, decide_gate.reason, spoken,
        spoken + coalesce(decide_gate.valid_for, interval '24 hours'))
    RETURNING a.* INTO said;
    UPDATE orch.change k SET version = k.version + 1, updated_at = spoken WHERE k.id = c.id;
    PERFORM orch.append_event(c.id, CASE said.decision WHEN 'approve' THEN 'gate.approved' ELSE 'gate.rejected' END,
        jsonb_build_object('gate', said.gate, 'decision', said.decision, 'plan_sha256', said.plan_sha256,
            'evidence_sha256', said.evidence_sha256, 'reason', said.reason,
            'self_approved', said.decision = 'approve' AND session_user = c.requester,
            'expires_at', to_char(said.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')));
    RETURN said;
END
$$;

REVOKE ALL ON FUNCTION orch.refuse_rewrite(), orch.append_event(text, text, jsonb),
    orch.check_decision(orch.change, text, text, text, text, text, integer),
    orch.decide_gate(text, text, text, text, text, text, interval, integer) FROM PUBLIC;
