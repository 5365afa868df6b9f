"""A registry with a thousand changes of which a hundred move, and whatever keeps them moving.

Why it exists: what a screen costs is a question of how many changes there are, and those take months to come about by themselves.
One change is submitted as usual; the others are its rows under other names.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from orchestrator.config import Config, TargetConfig
from orchestrator.service import Service

CHANGES = 1000
MOVING = 100
EVERY = 0.5
"""Seconds between two batches' figures of one change, about as often as a backfill writes them."""
_SUBMITTED = """
change: first
title: Widen a column
operations:
  - change_type: {table: orders, column: quantity, type: bigint, to: quantity_big}
readers: {statements: none, reason: a benchmark}
"""
_COPIES = """
INSERT INTO orch.change SELECT c.* FROM orch.change first
 CROSS JOIN generate_series(2, {changes}) n
 CROSS JOIN LATERAL jsonb_populate_record(first, jsonb_build_object(
    'id', format('orders-%s-bigint', to_char(n, 'FM0000')), 'title', format('Widen column %s', n),
    'state', CASE WHEN n <= {moving} + 1 THEN 'backfilling' ELSE 'planned' END)) c;
INSERT INTO orch.step SELECT s.* FROM orch.step first
  JOIN orch.change c ON c.id <> 'first'
 CROSS JOIN LATERAL jsonb_populate_record(first, jsonb_build_object(
    'change_id', c.id, 'step_id', c.id || ':' || first.ordinal,
    'status', CASE WHEN c.state = 'planned' THEN 'pending' WHEN first.phase = 'expand' THEN 'done'
                   WHEN first.phase = 'backfill' THEN 'running' ELSE 'pending' END)) s
 WHERE first.change_id = 'first';
INSERT INTO orch.lease (change_id, fence) SELECT id, 0 FROM orch.change ON CONFLICT DO NOTHING;
UPDATE orch.lease SET owner = 'worker-1', fence = 1, acquired_at = now(), expires_at = now() + interval '1 day'
 WHERE change_id IN (SELECT id FROM orch.change WHERE state = 'backfilling');
INSERT INTO orch.backfill (change_id, ordinal, table_name, rows_done, rows_total, rows_per_second, eta_seconds, updated_at)
SELECT DISTINCT ON (change_id) change_id, ordinal, 'public.orders', 0, 50000000, 18000, 2700, clock_timestamp()
  FROM orch.step WHERE status = 'running' ORDER BY change_id, ordinal;
ANALYZE orch.change, orch.step, orch.lease, orch.backfill, orch.event;
"""
_MOVE = """
UPDATE orch.backfill SET rows_done = rows_done + (random() * 40000)::int, updated_at = clock_timestamp(),
       rows_per_second = 18000 + random() * 2000, eta_seconds = (rows_total - rows_done) / 18000.0
"""


def fill(url: str) -> None:
    """Make the registry and its changes."""
    with psycopg.connect(url, autocommit=True) as link:
        link.execute("CREATE TABLE orders (id bigint PRIMARY KEY, quantity int NOT NULL)")
    with Service(Config(url, {"shop": TargetConfig("shop", url)})) as service:
        service.init()
        service.submit(_SUBMITTED, "first.yaml")
    with psycopg.connect(url, autocommit=True) as link:
        link.execute("SET session_replication_role = replica")
        link.execute(_COPIES.format(changes=CHANGES, moving=MOVING).encode())


@contextmanager
def moving(url: str) -> Iterator[None]:
    """A hundred changes move meanwhile."""
    over = threading.Event()

    def move() -> None:
        with psycopg.connect(url, autocommit=True) as link:
            while not over.wait(EVERY):
                link.execute(_MOVE.encode())

    mover = threading.Thread(target=move, daemon=True)
    mover.start()
    try:
        yield
    finally:
        over.set()
        mover.join()
