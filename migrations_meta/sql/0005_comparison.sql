-- How far full comparisons have come: for people who wait, and for whoever goes on after a kill. No part of the history.
CREATE TABLE orch.comparison (
    change_id text NOT NULL CONSTRAINT comparison_change_id_fkey REFERENCES orch.change (id),
    gate text NOT NULL,
    name text NOT NULL,
    footing text NOT NULL,
    began_at timestamptz NOT NULL,
    moment text NOT NULL,
    late boolean NOT NULL,
    position text[],
    rows_done bigint NOT NULL,
    rows_total bigint,
    mismatches bigint NOT NULL,
    samples text[] NOT NULL,
    aside bigint NOT NULL,
    rows_per_second double precision,
    eta_seconds double precision,
    throttle text,
    done boolean NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT comparison_pkey PRIMARY KEY (change_id, gate, name),
    CONSTRAINT comparison_gate_check CHECK (gate IN ('expand', 'backfill', 'switch_reads', 'contract', 'purge'))
);
