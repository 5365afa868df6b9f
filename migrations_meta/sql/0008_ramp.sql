-- As in 0002, and besides: reads that are being switched in parts can go back.
CREATE OR REPLACE FUNCTION orch.may_follow(was text, becomes text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT was || ' ' || becomes = ANY (ARRAY[
        'planned expanding', 'planned expanded', 'planned aborting',
        'expanding expanded', 'expanding aborting',
        'expanded backfilling', 'expanded backfilled', 'expanded aborting',
        'backfilling backfilled', 'backfilling aborting',
        'backfilled switching', 'backfilled switched', 'backfilled aborting',
        'switching switched', 'switching unswitching', 'switching aborting',
        'switched contracting', 'switched completed', 'switched unswitching', 'switched aborting',
        'contracting contracted', 'contracting completed', 'contracting switched',
        'contracted purging', 'contracted undoing', 'purging completed', 'undoing switched',
        'unswitching backfilled', 'unswitching aborting', 'aborting aborted'])
$$;

-- What each decision is worth now. The first reason that applies wins. As in 0004, and besides: consent to the switch does not
-- outlive the reads going back from halfway either.
CREATE OR REPLACE VIEW orch.approval_standing AS
SELECT a.id, a.change_id, a.gate, a.decision, a.approver, a.plan_sha256, a.evidence_sha256, a.reason, a.at, a.expires_at,
    CASE
        WHEN a.decision = 'reject' OR EXISTS (
            SELECT FROM orch.approval r WHERE r.change_id = a.change_id AND r.gate = a.gate AND r.decision = 'reject'
                AND r.plan_sha256 = a.plan_sha256 AND r.id > a.id) THEN 'rejected'
        WHEN a.plan_sha256 <> c.plan_sha256 OR a.at < c.planned_at THEN 'voided-by-plan'
        WHEN (a.gate = 'contract' AND a.at < c.contracted_at) OR (a.gate = 'switch_reads' AND a.at < c.switched_at)
            OR (a.gate IN ('contract', 'switch_reads') AND EXISTS (
                SELECT FROM orch.event u WHERE u.change_id = a.change_id AND u.kind = 'unswitch.started'
                    AND u.at::timestamptz > a.at)) THEN 'spent'
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
