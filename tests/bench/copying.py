"""How long a synthetic copy of thirty tables takes, with every kind of constraint in them."""

from __future__ import annotations

import time

import psycopg

from orchestrator import embedded
from orchestrator.rehearsal.copy import synthetic
from tests.bench.scene import ROUNDS, Ratio
from tests.rehearsal.schema import schema

TIMES = 60.0
"""The schema's own rows times this are more than a million."""


def all_of_it(server: embedded.Server) -> list[Ratio]:
    """Seconds until the copy can be used, its server and all indexes and constraints included; the bar is 60."""
    url = embedded.create_database(server, "thirty")
    with psycopg.connect(url, autocommit=True) as link:
        link.execute(schema().encode())
    rounds, rows = [], 0
    for _ in range(ROUNDS):
        began = time.perf_counter()
        with synthetic(url, TIMES, lambda _: None) as copy:
            rounds.append(time.perf_counter() - began)
            rows = copy.rows
    return [Ratio(f"synthetic copy of 30 tables, {rows:,} rows", "s (bar: 60)", tuple(rounds))]
