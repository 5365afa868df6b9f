"""No Step locks a partition against readers or writers for as long as it takes to read it."""

from __future__ import annotations

import os

import psycopg
import pytest

from state.model import State
from tests.conformance.locks import Watch, scan_time
from tests.service.world import World

ROWS = int(os.environ.get("ORCH_TEST_ROWS", "1000000"))
ATTEMPTS = 3
GONE = "ALTER TABLE tree DROP CONSTRAINT IF EXISTS {}"


@pytest.mark.parametrize(
    ("before", "operation"),
    [
        ((), "add_unique: {table: tree, columns: [place, id], name: k}"),
        ((GONE.format("tree_pkey"),), "add_primary_key: {table: tree, columns: [id, place], name: k}"),
        (("ALTER TABLE tree ADD CONSTRAINT k UNIQUE (place, id)",), "drop_constraint: {table: tree, constraint: k}"),
    ],
    ids=["add_unique", "add_primary_key", "drop_constraint"],
)
def test_no_step_holds_a_strong_lock_for_as_long_as_a_scan(
    tree: World, before: tuple[str, ...], operation: str
) -> None:
    """Nearly all rows are in one partition. A busy machine may freeze whoever holds a lock: a scan is over it every time."""
    tree.run(f"INSERT INTO tree SELECT i, 5, 'n', 1 FROM generate_series(1000, {ROWS}) i", "ANALYZE tree")
    seen = []
    for number in range(ATTEMPTS):
        tree.run(GONE.format("k"), *before)
        with psycopg.connect(tree.url, autocommit=True) as link:
            bound = scan_time(link, "low") / 2
        with Watch(tree.url, "low") as watch:
            tree.submit(operation, change=f"c{number}")
            tree.to(State.CONTRACTED if "drop" in operation else State.COMPLETED, f"c{number}")
            if "drop" in operation:
                tree.service.undo(f"c{number}", reason="a test says so")
                tree.service.advance(f"c{number}")
        assert watch.samples > 50
        seen.append((watch.longest, bound))
        if max(watch.longest.values(), default=0.0) < bound:
            return
        tree.to(State.COMPLETED, f"c{number}")
    raise AssertionError(f"(longest hold of each mode, bound), in seconds: {seen}")
