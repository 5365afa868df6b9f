-- Who may write what. Roles are in force on a registry once orch_owner owns its schema (orch init --roles); until then a
-- single login that owns everything works as before. SQLSTATEs besides those of 0001:
--   OR010 the login is not eligible   OR011 the machine has no such edge
--   OR012 this event is written by a function of its own
--   OR013 the gate lacks approvals, or a phase with steps is passed over

CREATE FUNCTION orch.roles_in_force() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_get_userbyid(n.nspowner) = 'orch_owner' FROM pg_namespace n WHERE n.nspname = 'orch'
$$;

-- Whether a login has a role, now or by SET ROLE. The mere right to grant it (PostgreSQL 16) is not membership.
CREATE FUNCTION orch.is_member(login name, role name) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = is_member.role) THEN
        RETURN false;
    END IF;
    RETURN pg_has_role(is_member.login, is_member.role, 'USAGE') OR pg_has_role(is_member.login, is_member.role,
        CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END);
END
$$;

-- The links of the chain. Nobody is granted this: append_event and the functions of people call it as the owner.
CREATE FUNCTION orch.link_event(change_id text, kind text, data jsonb) RETURNS orch.event
LANGUAGE plpgsql SET search_path = pg_catalog, orch, pg_temp AS $$
DECLARE
    head orch.event_head;
    link orch.event;
BEGIN
    SELECT h.* INTO STRICT head FROM orch.event_head h WHERE h.id = 1 FOR UPDATE;
    link.seq := head.seq + 1;
    link.change_id := link_event.change_id;
    link.at := to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    link.actor := session_user;
    link.kind := link_event.kind;
    link.payload := jsonb_build_object('seq', link.seq, 'change', link.change_id, 'at', link.at,
        'actor', link.actor, 'kind', link.kind, 'data', link_event.data)::text;
    link.prev_sha256 := head.sha256;
    link.sha256 := encode(sha256(convert_to(link.prev_sha256 || link.payload, 'UTF8')), 'hex');
    INSERT INTO orch.event SELECT link.*;
    UPDATE orch.event_head h SET seq = link.seq, sha256 = link.sha256 WHERE h.id = 1;
    PERFORM pg_notify('orch', link.change_id);
    RETURN link;
END
$$;

-- The worker's way into the history: everything but what people say.
CREATE OR REPLACE FUNCTION orch.append_event(change_id text, kind text, data jsonb) RETURNS orch.event
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, orch, pg_temp AS $$
BEGIN
    IF append_event.kind IS NULL OR append_event.kind LIKE 'gate.%' OR append_event.kind LIKE 'hold.%'
        OR append_event.kind IN ('advance.requested', 'abort.started', 'undo.started', 'unswitch.started') THEN
        RAISE EXCEPTION '% is written by orch.decide_gate or orch.record_intent only', append_event.kind
            USING ERRCODE = 'OR012';
    ELSIF append_event.kind = 'break_glass.used' AND orch.roles_in_force()
        AND NOT orch.is_member(session_user, 'orch_owner') THEN
        RAISE EXCEPTION '% may not break glass', session_user
            USING ERRCODE = 'OR010', HINT = 'Members of orch_owner may.';
    END IF;
    RETURN orch.link_event(append_event.change_id, append_event.kind, append_event.data);
END
$$;

-- Every pair of states the machine (state/machine.py) moves between.
CREATE FUNCTION orch.may_follow(was text, becomes text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT was || ' ' || becomes = ANY (ARRAY[
        'planned expanding', 'planned expanded', 'planned aborting',
        'expanding expanded', 'expanding aborting',
        'expanded backfilling', 'expanded backfilled', 'expanded aborting',
        'backfilling backfilled', 'backfilling aborting',
        'backfilled switching', 'backfilled switched', 'backfilled aborting',
        'switching switched', 'switching aborting',
        'switched contracting', 'switched completed', 'switched unswitching', 'switched aborting',
        'contracting contracted', 'contracting completed', 'contracting switched',
        'contracted purging', 'contracted undoing', 'purging completed', 'undoing switched',
        'unswitching backfilled', 'unswitching aborting', 'aborting aborted'])
$$;

CREATE FUNCTION orch.gate_ahead(state text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE state WHEN 'planned' THEN 'expand' WHEN 'expanded' THEN 'backfill'
        WHEN 'backfilled' THEN 'switch_reads' WHEN 'switched' THEN 'contract' WHEN 'contracted' THEN 'purge' END
$$;

-- How many approvals a gate still lacks.
CREATE FUNCTION orch.approvals_lacking(c orch.change, gate text) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, orch, pg_temp AS $$
    SELECT needed.people - (
        SELECT count(DISTINCT s.approver) FROM orch.approval_standing s
        WHERE s.change_id = c.id AND s.gate = approvals_lacking.gate AND s.decision = 'approve'
            AND s.standing = 'valid' AND (needed.people < 2 OR s.approver <> c.requester))
    FROM (SELECT coalesce((c.approvals_needed ->> approvals_lacking.gate)::integer, 1) AS people) needed
$$;

-- What those who do not own the registry may do to a change, beyond their column privileges.
CREATE FUNCTION orch.guard_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, orch, pg_temp AS $$
DECLARE
    gate text;
BEGIN
    -- Inside decide_gate and record_intent current_user is the owner too.
    IF pg_has_role(current_user, (SELECT k.relowner FROM pg_class k WHERE k.oid = TG_RELID), 'USAGE') THEN
        RETURN NEW;
    ELSIF EXISTS (SELECT FROM jsonb_each(coalesce(NEW.plan -> 'gates', '{}')) g
        WHERE g.value ->> 'approvals' IS DISTINCT FROM NEW.approvals_needed ->> g.key) THEN
        RAISE EXCEPTION 'the gates of % must ask for as many approvals as its plan says', NEW.id USING ERRCODE = '42501';
    ELSIF TG_OP = 'INSERT' THEN
        IF NEW.requester <> session_user OR NEW.state <> 'planned' OR NEW.version <> 1 OR NEW.hold_at IS NOT NULL
            OR NEW.switched_at IS NOT NULL OR NEW.contracted_at IS NOT NULL OR NEW.requested IS NOT NULL THEN
            RAISE EXCEPTION '% can be submitted only as planned, by %', NEW.id, session_user USING ERRCODE = '42501';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.title, NEW.target, NEW.source, NEW.definition, NEW.plan, NEW.plan_sha256, NEW.approvals_needed,
            NEW.requester, NEW.planned_at)
        IS DISTINCT FROM (OLD.title, OLD.target, OLD.source, OLD.definition, OLD.plan, OLD.plan_sha256,
            OLD.approvals_needed, OLD.requester, OLD.planned_at)
        AND (OLD.state <> 'planned' OR NEW.requester <> session_user OR NEW.planned_at <= OLD.planned_at) THEN
        RAISE EXCEPTION 'what was submitted as % is fixed', OLD.id USING ERRCODE = '42501';
    ELSIF NEW.version < OLD.version OR NEW.requested <> coalesce(OLD.requested, '')
        OR (NEW.switched_at IS DISTINCT FROM OLD.switched_at
            AND coalesce(NEW.switched_at < clock_timestamp() - interval '1 min', true))
        OR (NEW.contracted_at IS DISTINCT FROM OLD.contracted_at
            AND coalesce(NEW.contracted_at < clock_timestamp() - interval '1 min', true)) THEN
        RAISE EXCEPTION 'version, moments and requests of % are not for % to write', OLD.id, session_user
            USING ERRCODE = '42501';
    ELSIF NEW.state = OLD.state THEN
        RETURN NEW;
    ELSIF NOT orch.may_follow(OLD.state, NEW.state) OR NEW.state IN ('aborting', 'undoing', 'unswitching') THEN
        RAISE EXCEPTION '% cannot become % by the hand of %', OLD.id, NEW.state, session_user USING ERRCODE = 'OR011';
    END IF;
    gate := orch.gate_ahead(OLD.state);
    IF NEW.state IN ('expanding', 'backfilling', 'switching', 'contracting', 'purging') THEN
        IF orch.approvals_lacking(OLD, gate) > 0 THEN
            RAISE EXCEPTION 'the % gate of % lacks % approvals', gate, OLD.id, orch.approvals_lacking(OLD, gate)
                USING ERRCODE = 'OR013';
        END IF;
    ELSIF gate IS NOT NULL AND EXISTS (SELECT FROM orch.step s WHERE s.change_id = OLD.id AND s.phase = gate) THEN
        RAISE EXCEPTION 'the % phase of % has steps and cannot be passed over', gate, OLD.id USING ERRCODE = 'OR013';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON orch.change FOR EACH ROW EXECUTE FUNCTION orch.guard_change();
ALTER TABLE orch.change ENABLE ALWAYS TRIGGER guard;

-- Steps come and go with their plan, which may change only while planned.
CREATE FUNCTION orch.guard_step() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, orch, pg_temp AS $$
DECLARE
    submitted text := CASE TG_OP WHEN 'INSERT' THEN NEW.change_id ELSE OLD.change_id END;
BEGIN
    IF NOT pg_has_role(current_user, (SELECT k.relowner FROM pg_class k WHERE k.oid = TG_RELID), 'USAGE')
        AND NOT EXISTS (SELECT FROM orch.change c WHERE c.id = submitted AND c.state = 'planned') THEN
        RAISE EXCEPTION 'the steps of % are fixed', submitted USING ERRCODE = '42501';
    END IF;
    IF TG_OP = 'INSERT' THEN
        RETURN NEW;
    END IF;
    RETURN OLD;
END
$$;
CREATE TRIGGER guard BEFORE INSERT OR DELETE ON orch.step FOR EACH ROW EXECUTE FUNCTION orch.guard_step();
ALTER TABLE orch.step ENABLE ALWAYS TRIGGER guard;

-- Pause, resume, ask to advance, abort, undo: what a person wants, as session_user. Workers carry it out.
CREATE FUNCTION orch.record_intent(change_id text, kind text, reason text, gate text,
    seen_version integer DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, orch, pg_temp AS $$
DECLARE
    c orch.change;
    becomes text;
    moment timestamptz;
BEGIN
    SELECT k.* INTO c FROM orch.change k WHERE k.id = record_intent.change_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no change %', record_intent.change_id USING ERRCODE = 'OR001';
    ELSIF orch.roles_in_force() AND NOT (orch.is_member(session_user, 'orch_operator')
        OR orch.is_member(session_user, 'orch_worker') OR orch.is_member(session_user, 'orch_owner')) THEN
        RAISE EXCEPTION '% is no member of orch_operator, orch_worker or orch_owner', session_user
            USING ERRCODE = 'OR010';
    ELSIF record_intent.seen_version <> c.version THEN
        RAISE EXCEPTION '% has moved from version % to % since it was looked at', c.id, seen_version, c.version
            USING ERRCODE = 'OR005';
    END IF;
    becomes := CASE record_intent.kind WHEN 'abort.started' THEN 'aborting' WHEN 'undo.started' THEN 'undoing'
        WHEN 'unswitch.started' THEN 'unswitching' WHEN 'hold.set' THEN c.state WHEN 'hold.lifted' THEN c.state
        WHEN 'advance.requested' THEN c.state END;
    IF becomes IS NULL THEN
        RAISE EXCEPTION '% is no intent', coalesce(record_intent.kind, 'NULL') USING ERRCODE = 'OR012';
    ELSIF c.state IN ('completed', 'aborted')
        OR (record_intent.kind IN ('abort.started', 'undo.started', 'unswitch.started')
            AND NOT orch.may_follow(c.state, becomes))
        OR (record_intent.kind = 'advance.requested'
            AND (record_intent.gate = orch.gate_ahead(c.state)) IS NOT TRUE) THEN
        RAISE EXCEPTION '% cannot follow while the change is %', record_intent.kind, c.state USING ERRCODE = 'OR011';
    ELSIF record_intent.kind IN ('hold.set', 'abort.started', 'undo.started', 'unswitch.started')
        AND coalesce(btrim(record_intent.reason), '') = '' THEN
        RAISE EXCEPTION '% of % needs a reason', record_intent.kind, c.id USING ERRCODE = 'OR006';
    END IF;
    moment := clock_timestamp();
    UPDATE orch.change k SET state = becomes, version = k.version + 1, updated_at = moment,
        hold_reason = CASE kind WHEN 'hold.set' THEN record_intent.reason WHEN 'hold.lifted' THEN NULL
            ELSE k.hold_reason END,
        hold_actor = CASE kind WHEN 'hold.set' THEN session_user::text WHEN 'hold.lifted' THEN NULL
            ELSE k.hold_actor END,
        hold_at = CASE kind WHEN 'hold.set' THEN moment WHEN 'hold.lifted' THEN NULL ELSE k.hold_at END,
        requested = CASE WHEN kind = 'advance.requested' THEN record_intent.gate WHEN becomes = k.state THEN k.requested END
    WHERE k.id = c.id;
    PERFORM orch.link_event(c.id, record_intent.kind, CASE WHEN record_intent.kind = 'advance.requested'
        THEN jsonb_build_object('gate', record_intent.gate)
        ELSE jsonb_strip_nulls(jsonb_build_object('reason', record_intent.reason)) END);
END
$$;

-- As in 0001, and besides: the speaker must be eligible, an approval counts no longer than the plan says, and only this
-- function writes gate events.
CREATE OR REPLACE FUNCTION orch.decide_gate(change_id text, gate text, decision text, plan_sha256 text,
    evidence_sha256 text, reason text, valid_for interval, seen_version integer DEFAULT NULL) RETURNS orch.approval
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, orch, pg_temp AS $$
DECLARE
    c orch.change;
    spoken timestamptz;
    said orch.approval;
BEGIN
    SELECT k.* INTO c FROM orch.change k WHERE k.id = decide_gate.change_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no change %', decide_gate.change_id USING ERRCODE = 'OR001';
    ELSIF orch.roles_in_force() AND NOT (orch.is_member(session_user, 'orch_operator')
        OR orch.is_member(session_user, 'orch_owner')) THEN
        RAISE EXCEPTION '% is no member of orch_operator', session_user USING ERRCODE = 'OR010';
    END IF;
    PERFORM orch.check_decision(c, decide_gate.gate, decide_gate.decision, decide_gate.plan_sha256,
        decide_gate.evidence_sha256, decide_gate.reason, decide_gate.seen_version);
    spoken := clock_timestamp();
    INSERT INTO orch.approval AS a
        (change_id, gate, decision, approver, plan_sha256, evidence_sha256, reason, at, expires_at)
    VALUES (c.id, decide_gate.gate, decide_gate.decision, session_user, decide_gate.plan_sha256,
        decide_gate.evidence_sha256, decide_gate.reason, spoken,
        spoken + least(coalesce(decide_gate.valid_for, interval '24 hours'),
            make_interval(secs => coalesce((c.plan -> 'gates' -> decide_gate.gate ->> 'expires')::double precision, 86400))))
    RETURNING a.* INTO said;
    UPDATE orch.change k SET version = k.version + 1, updated_at = spoken WHERE k.id = c.id;
    PERFORM orch.link_event(c.id, CASE said.decision WHEN 'approve' THEN 'gate.approved' ELSE 'gate.rejected' END,
        jsonb_build_object('gate', said.gate, 'decision', said.decision, 'plan_sha256', said.plan_sha256,
            'evidence_sha256', said.evidence_sha256, 'reason', said.reason,
            'self_approved', said.decision = 'approve' AND session_user = c.requester,
            'expires_at', to_char(said.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')));
    RETURN said;
END
$$;

REVOKE ALL ON FUNCTION orch.roles_in_force(), orch.is_member(name, name), orch.link_event(text, text, jsonb),
    orch.guard_change(), orch.guard_step(), orch.record_intent(text, text, text, text, integer) FROM PUBLIC;
