-- Hands schema orch to orch_owner and gives each role what it needs, no more. Idempotent; run by orch init --roles, and
-- again after every upgrade of a registry that has roles. A new table or function is named here or stays the owner's.

DO $$
DECLARE
    found record;
BEGIN
    IF NOT (SELECT n.nspowner = 'orch_owner'::regrole FROM pg_namespace n WHERE n.nspname = 'orch') THEN
        ALTER SCHEMA orch OWNER TO orch_owner;
    END IF;
    FOR found IN SELECT c.oid::regclass AS name FROM pg_class c WHERE c.relnamespace = 'orch'::regnamespace
        AND c.relkind IN ('r', 'v') AND c.relowner <> 'orch_owner'::regrole
    LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO orch_owner', found.name);
    END LOOP;
    FOR found IN SELECT p.oid::regprocedure AS name FROM pg_proc p WHERE p.pronamespace = 'orch'::regnamespace
        AND p.proowner <> 'orch_owner'::regrole
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO orch_owner', found.name);
    END LOOP;
END
$$;

REVOKE ALL ON SCHEMA orch FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA orch FROM PUBLIC, orch_worker, orch_operator, orch_auditor;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA orch FROM PUBLIC, orch_worker, orch_operator, orch_auditor;

GRANT USAGE ON SCHEMA orch TO orch_worker, orch_operator, orch_auditor;
GRANT SELECT ON ALL TABLES IN SCHEMA orch TO orch_worker, orch_operator, orch_auditor;

-- What people say, as functions that write down who said it.
GRANT EXECUTE ON FUNCTION orch.decide_gate, orch.record_freeze, orch.record_cancel TO orch_operator;
GRANT EXECUTE ON FUNCTION orch.record_intent, orch.record_tuning, orch.record_deploy TO orch_operator, orch_worker;

-- The worker moves changes. Holds, requests, approvals and the chain are not its own to write.
GRANT EXECUTE ON FUNCTION orch.append_event, orch.may_follow, orch.gate_ahead, orch.approvals_lacking TO orch_worker;
GRANT INSERT ON orch.change, orch.step, orch.lease, orch.evidence, orch.backfill TO orch_worker;
GRANT UPDATE (title, target, source, definition, plan, plan_sha256, approvals_needed, state, version, requester,
    planned_at, updated_at, requested, switched_at, contracted_at) ON orch.change TO orch_worker;
GRANT UPDATE (status, attempt, error, fence, started_at, finished_at), DELETE ON orch.step TO orch_worker;
GRANT UPDATE (owner, fence, acquired_at, expires_at) ON orch.lease TO orch_worker;
GRANT UPDATE ON orch.backfill TO orch_worker;
GRANT INSERT, UPDATE, DELETE ON orch.comparison TO orch_worker;
