"""A schema of thirty tables with everything that makes rows hard to invent."""

from __future__ import annotations

ENTITIES = 20

HEAD = """
CREATE SCHEMA sales;
CREATE TYPE state AS ENUM ('new', 'paid', 'sent');
CREATE DOMAIN mail AS text CHECK (VALUE ~ '^[^@ ]+@[^@ ]+[.][a-z]+$');
CREATE DOMAIN percent AS numeric(5,2) CHECK (VALUE >= 0 AND VALUE <= 100);
CREATE TABLE tenants (id int PRIMARY KEY, code char(3) NOT NULL UNIQUE, name varchar(20) NOT NULL);
CREATE TABLE customers (tenant int NOT NULL REFERENCES tenants, id bigint NOT NULL, mail mail NOT NULL UNIQUE,
    "Weird ""name" text, score percent, tags text[], home inet, extra jsonb, PRIMARY KEY (tenant, id));
CREATE TABLE sales.orders (id uuid PRIMARY KEY, tenant int NOT NULL REFERENCES tenants, customer bigint NOT NULL,
    state state NOT NULL,
    parent uuid REFERENCES sales.orders, quantity int NOT NULL CHECK (quantity BETWEEN 1 AND 20), price numeric(10,2) NOT NULL
    CHECK (price > 0), total numeric GENERATED ALWAYS AS (price * quantity) STORED, begins date, ends date, CHECK (begins < ends),
    kind text NOT NULL CHECK (kind IN ('web', 'shop')), FOREIGN KEY (tenant, customer) REFERENCES customers);
CREATE TABLE lines ("order" uuid REFERENCES sales.orders, product int NOT NULL, amount smallint, PRIMARY KEY ("order", product));
CREATE TABLE tagged (tenant int REFERENCES tenants, state state, PRIMARY KEY (tenant, state));
CREATE TABLE profiles (tenant int, customer bigint, bio text, PRIMARY KEY (tenant, customer), FOREIGN KEY (tenant, customer)
    REFERENCES customers);
CREATE TABLE rooms (id int PRIMARY KEY, during tstzrange NOT NULL, EXCLUDE USING gist (during WITH &&));
CREATE TABLE events (id bigint NOT NULL, at timestamptz NOT NULL, order_id uuid REFERENCES sales.orders, PRIMARY KEY (id, at))
    PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2025-02-01') TO ('2025-03-01');
CREATE TABLE regions (id int NOT NULL, region text NOT NULL, note text) PARTITION BY LIST (region);
CREATE TABLE regions_eu PARTITION OF regions FOR VALUES IN ('eu', 'uk');
CREATE TABLE regions_us PARTITION OF regions FOR VALUES IN ('us');
CREATE TABLE hashed (id bigint PRIMARY KEY, note text) PARTITION BY HASH (id);
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE hashed_1 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
"""
ENTITY = """
CREATE TABLE entity_{n} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant int NOT NULL REFERENCES tenants,
    before bigint REFERENCES {before}, label varchar(30), size real, at timestamp, CHECK (length(label) <= 30));
CREATE INDEX ON entity_{n} (tenant);
"""
FILL = """
INSERT INTO entity_{n} (tenant, label, at) SELECT 1 + i % 50, 'canary', now() FROM generate_series(1, 400) i;
"""
ROWS = """
INSERT INTO tenants SELECT i, lpad(i::text, 3, '0'), 'canary ' || i FROM generate_series(1, 50) i;
INSERT INTO customers SELECT 1 + i % 50, i, 'canary' || i || '@example.org', 'canary', NULL, '{canary}', '127.0.0.1',
    '{"canary": 1}'
    FROM generate_series(1, 2000) i;
INSERT INTO sales.orders (id, tenant, customer, state, parent, quantity, price, begins, ends, kind)
    SELECT md5(i::text)::uuid, 1 + (1 + i % 2000) % 50, 1 + i % 2000, 'paid', NULL, 1 + i % 20, 1 + i, '2020-01-01',
    '2020-01-02', 'web' FROM generate_series(1, 3000) i;
INSERT INTO lines SELECT md5(i::text)::uuid, i, 1 FROM generate_series(1, 3000) i;
INSERT INTO tagged SELECT i, 'new' FROM generate_series(1, 50) i;
INSERT INTO profiles SELECT 1 + i % 50, i, 'canary' FROM generate_series(1, 1000) i;
INSERT INTO rooms SELECT i, tstzrange(now() + i * interval '1 day', now() + (i + 1) * interval '1 day')
    FROM generate_series(1, 500) i;
INSERT INTO events SELECT i, timestamptz '2025-01-02' + i % 50 * interval '1 day', NULL FROM generate_series(1, 1000) i;
INSERT INTO regions SELECT i, (ARRAY['eu', 'uk', 'us'])[1 + i % 3], NULL FROM generate_series(1, 900) i;
INSERT INTO hashed SELECT i, 'canary' FROM generate_series(1, 1000) i;
"""


def schema() -> str:
    """Thirty tables (partitions not counted), with some rows, of which every text says that it is a canary."""
    entities, fills = "", ""
    for n in range(ENTITIES):
        before = f"entity_{n - 1}" if n else "entity_0"
        entities += ENTITY.format(n=n, before=before)
        fills += FILL.format(n=n)
    return HEAD + entities + ROWS + fills + "ANALYZE;"
