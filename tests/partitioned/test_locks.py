"""No Step locks a partition, or what it refers to, against readers or writers for as long as it takes to read the partition."""

from __future__ import annotations

import os

import psycopg
import pytest

from orchestrator.dialects.postgres import partitions
from state.model import State
from tests.conformance.locks import Watch, scan_time
from tests.service.world import World

ROWS = int(os.environ.get("ORCH_TEST_ROWS", "1000000"))
ATTEMPTS = 3
GONE = "ALTER TABLE tree DROP CONSTRAINT IF EXISTS {}"
DROP = "drop_constraint: {table: tree, constraint: k}"
REFER = "add_foreign_key: {table: tree, columns: [amount], references: parent, name: k}"
KEY = "ALTER TABLE tree ADD CONSTRAINT k FOREIGN KEY (amount) REFERENCES parent"


@pytest.mark.parametrize(
    ("before", "operation", "there", "back"),
    [
        ("SELECT", "add_unique: {table: tree, columns: [place, id], name: k}", State.COMPLETED, None),
        (
            GONE.format("tree_pkey"),
            "add_primary_key: {table: tree, columns: [id, place], name: k}",
            State.COMPLETED,
            None,
        ),
        ("ALTER TABLE tree ADD CONSTRAINT k UNIQUE (place, id)", DROP, State.CONTRACTED, "undo"),
        ("SELECT", REFER, State.COMPLETED, None),
        (KEY, DROP, State.SWITCHED, "abort"),
    ],
    ids=["add_unique", "add_primary_key", "drop_constraint", "add_foreign_key", "drop_constraint of a foreign key"],
)
@pytest.mark.parametrize("old", [True, False], ids=["as before 18", "as it is"])
def test_no_step_holds_a_strong_lock_for_as_long_as_a_scan(
    tree: World,
    before: str,
    operation: str,
    there: State,
    back: str | None,
    old: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nearly all rows are in one partition. A busy machine may freeze whoever holds a lock: a scan is over it every time."""
    if old:
        monkeypatch.setattr(partitions, "NOT_VALID", 10**9)
    tree.run("CREATE TABLE parent (id int PRIMARY KEY)", "INSERT INTO parent SELECT generate_series(0, 6)")
    tree.run(f"INSERT INTO tree SELECT i, 5, 'n', 1 FROM generate_series(1000, {ROWS}) i", "ANALYZE tree")
    seen = []
    for number in range(ATTEMPTS):
        change = f"c{number}"
        tree.run(GONE.format("k"), before)
        with psycopg.connect(tree.url, autocommit=True) as link:
            bound = scan_time(link, "low") / 2
        with Watch(tree.url, "low") as watch, Watch(tree.url, "parent") as other:
            tree.submit(operation, change=change)
            tree.to(there, change)
            if back is not None:
                getattr(tree.service, back)(change, reason="a test says so")
                tree.service.advance(change)
        assert watch.samples > 50
        seen.append((watch.longest, other.longest, bound))
        if max([*watch.longest.values(), *other.longest.values()], default=0.0) < bound:
            return
        if back == "undo":
            tree.to(State.COMPLETED, change)
    raise AssertionError(f"(longest hold of each mode, of what it refers to, bound), in seconds: {seen}")
