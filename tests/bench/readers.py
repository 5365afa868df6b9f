"""How long it takes to prove of many statements in use that none reads what contract takes away."""

from __future__ import annotations

import time

import psycopg

from orchestrator.core.reading import Rehearsal, Statement
from orchestrator.dialects.postgres.target import PostgresTarget
from tests.bench.scene import ROUNDS, Ratio
from tests.proof.conftest import ORDERS, PARK, SHOP
from tests.proof.test_statements import ORM

STATEMENTS = 5_000


def all_of_it(url: str) -> list[Ratio]:
    """Seconds for 5,000 different statements of an ORM, with the clone; the bar is 30."""
    with psycopg.connect(url, autocommit=True) as link:
        link.execute("DROP TABLE IF EXISTS orders, customers CASCADE")
        link.execute(SHOP.encode())
    statements = tuple(Statement(f"{ORM[i % len(ORM)]} /* {i} */") for i in range(STATEMENTS))
    rounds = []
    for _ in range(ROUNDS):
        with PostgresTarget("bench", url).reader() as reader:
            began = time.perf_counter()
            proof = reader.rehearse(Rehearsal("bench", (), (), (PARK,), (ORDERS,), statements))
            rounds.append(time.perf_counter() - began)
        assert proof.judged == STATEMENTS, proof
    return [Ratio(f"proof over {STATEMENTS:,} statements", "s (bar: 30)", tuple(rounds))]
