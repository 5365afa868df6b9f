-- The tables of the Registry. state/tables.py declares the same; a test compares the two.

CREATE TABLE orch.change (
    id text CONSTRAINT change_pkey PRIMARY KEY,
    title text NOT NULL,
    target text NOT NULL,
    source text NOT NULL,
    definition jsonb NOT NULL,
    plan jsonb NOT NULL,
    plan_sha256 text NOT NULL,
    approvals_needed jsonb NOT NULL,
    state text NOT NULL,
    version integer NOT NULL,
    requester text NOT NULL,
    created_at timestamptz NOT NULL,
    planned_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    hold_reason text,
    hold_actor text,
    hold_at timestamptz,
    requested text,
    switched_at timestamptz,
    contracted_at timestamptz,
    CONSTRAINT change_id_check CHECK (id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    CONSTRAINT change_state_check CHECK (state IN (
        'planned', 'expanding', 'expanded', 'backfilling', 'backfilled', 'switching', 'switched', 'contracting',
        'contracted', 'purging', 'completed', 'undoing', 'unswitching', 'aborting', 'aborted')),
    CONSTRAINT change_requested_check CHECK (requested IN ('expand', 'backfill', 'switch_reads', 'contract', 'purge')),
    CONSTRAINT change_hold_check CHECK (num_nulls(hold_reason, hold_actor, hold_at) IN (0, 3))
);

CREATE TABLE orch.step (
    change_id text NOT NULL CONSTRAINT step_change_id_fkey REFERENCES orch.change (id),
    ordinal integer NOT NULL,
    step_id text NOT NULL CONSTRAINT step_step_id_key UNIQUE,
    phase text NOT NULL,
    kind text NOT NULL,
    description text NOT NULL,
    definition jsonb NOT NULL,
    status text NOT NULL,
    attempt integer NOT NULL,
    error text,
    fence bigint,
    started_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT step_pkey PRIMARY KEY (change_id, ordinal),
    CONSTRAINT step_phase_check CHECK (phase IN ('expand', 'backfill', 'switch_reads', 'contract', 'purge')),
    CONSTRAINT step_status_check CHECK (status IN ('pending', 'running', 'done', 'undone'))
);

CREATE TABLE orch.lease (
    change_id text CONSTRAINT lease_pkey PRIMARY KEY CONSTRAINT lease_change_id_fkey REFERENCES orch.change (id),
    owner text,
    fence bigint NOT NULL,
    acquired_at timestamptz,
    expires_at timestamptz,
    CONSTRAINT lease_owner_check CHECK (num_nulls(owner, acquired_at, expires_at) IN (0, 3))
);

CREATE TABLE orch.approval (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT approval_pkey PRIMARY KEY,
    change_id text NOT NULL CONSTRAINT approval_change_id_fkey REFERENCES orch.change (id),
    gate text NOT NULL,
    decision text NOT NULL,
    approver text NOT NULL,
    plan_sha256 text NOT NULL,
    evidence_sha256 text NOT NULL,
    reason text,
    at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT approval_gate_check CHECK (gate IN ('expand', 'backfill', 'switch_reads', 'contract', 'purge')),
    CONSTRAINT approval_decision_check CHECK (decision IN ('approve', 'reject'))
);
CREATE INDEX approval_change_id_gate_idx ON orch.approval (change_id, gate);

CREATE TABLE orch.evidence (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT evidence_pkey PRIMARY KEY,
    change_id text NOT NULL CONSTRAINT evidence_change_id_fkey REFERENCES orch.change (id),
    gate text NOT NULL,
    plan_sha256 text NOT NULL,
    sha256 text NOT NULL,
    findings jsonb NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT evidence_gate_check CHECK (gate IN ('expand', 'backfill', 'switch_reads', 'contract', 'purge'))
);
CREATE INDEX evidence_change_id_gate_idx ON orch.evidence (change_id, gate);

CREATE TABLE orch.event (
    seq bigint CONSTRAINT event_pkey PRIMARY KEY,
    change_id text NOT NULL,
    at text NOT NULL,
    actor text NOT NULL,
    kind text NOT NULL,
    payload text NOT NULL,
    prev_sha256 text NOT NULL,
    sha256 text NOT NULL CONSTRAINT event_sha256_key UNIQUE
);
CREATE INDEX event_change_id_seq_idx ON orch.event (change_id, seq);

CREATE TABLE orch.event_head (
    id smallint CONSTRAINT event_head_pkey PRIMARY KEY,
    seq bigint NOT NULL,
    sha256 text NOT NULL,
    CONSTRAINT event_head_id_check CHECK (id = 1)
);
INSERT INTO orch.event_head VALUES (1, 0, repeat('0', 64));

CREATE TABLE orch.backfill (
    change_id text NOT NULL CONSTRAINT backfill_change_id_fkey REFERENCES orch.change (id),
    ordinal integer NOT NULL,
    table_name text NOT NULL,
    rows_done bigint NOT NULL,
    rows_total bigint,
    rows_per_second double precision,
    eta_seconds double precision,
    throttle text,
    updated_at timestamptz NOT NULL,
    CONSTRAINT backfill_pkey PRIMARY KEY (change_id, ordinal)
);
