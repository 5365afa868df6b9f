"""A key of a partitioned table: made partition by partition, whatever comes between, dropped whole and made again by undo."""

from __future__ import annotations

import pytest

from orchestrator.core.errors import Blocked, OrchError, PlanRefused
from state.model import State
from tests.partitioned.trees import Died, dying_before, meanwhile, valid
from tests.service.world import World

UNIQUE = "add_unique: {table: tree, columns: [note, id, place], name: once}"
DROP = "drop_constraint: {table: tree, constraint: tree_pkey}"
KEYS = """
SELECT k.conrelid::regclass::text, k.contype::text, pg_get_constraintdef(k.oid), i.indisvalid, k.conparentid <> 0
  FROM pg_constraint k JOIN pg_index i ON i.indexrelid = k.conindid
 WHERE k.contype IN ('p', 'u') AND k.conrelid IN (SELECT relid FROM pg_partition_tree('tree')) ORDER BY 1, 2
"""
MESSAGES = 15
"""What a key of the tree needs: that of the whole, one for the sub-partitioned table, and of each of four partitions a build and
its turn into a key; five attachments make fifteen."""


def _whole(world: World, kind: str = "u") -> bool:
    """Whether the whole table and its five partitions have such a key, each attached to the one above."""
    return [row[3:] for row in world.rows(KEYS) if row[1] == kind] == [
        (True, table != "tree") for table in sorted({row[0] for row in world.rows(KEYS)})
    ] and len([row for row in world.rows(KEYS) if row[1] == kind]) == 6


@pytest.mark.parametrize("number", range(1, MESSAGES))
def test_a_worker_may_die_between_any_two_messages(tree: World, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.submit(UNIQUE)
    tree.to(State.SWITCHED)
    with dying_before(number, monkeypatch), pytest.raises(Died):
        tree.to(State.COMPLETED)
    assert not _whole(tree)
    tree.to(State.COMPLETED)
    assert _whole(tree)
    assert valid(tree, "once")


@pytest.mark.parametrize("number", range(0, MESSAGES, 3))
def test_the_way_back_to_a_key_may_be_broken_off_anywhere(
    tree: World, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.run("COMMENT ON CONSTRAINT tree_pkey ON tree IS 'why'", "COMMENT ON INDEX tree_pkey IS 'how'")
    before = tree.rows(KEYS)
    tree.submit(DROP)
    tree.to(State.CONTRACTED)
    assert tree.rows(KEYS) == []
    tree.service.undo("change", reason="a test says so")
    with dying_before(number, monkeypatch), pytest.raises(Died):
        tree.service.advance("change")
    assert tree.service.advance("change").state is State.SWITCHED
    assert tree.rows(KEYS) == before
    assert tree.rows(
        "SELECT obj_description(oid, 'pg_constraint'), obj_description(conindid, 'pg_class') FROM pg_constraint"
        " WHERE conname = 'tree_pkey'"
    ) == [("why", "how")]
    tree.to(State.COMPLETED)
    assert tree.rows(KEYS) == []


def test_partitions_that_come_and_go_meanwhile(tree: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.run("CREATE TABLE apart (LIKE tree)", "INSERT INTO apart VALUES (1000, 50, 'x', 1)")
    tree.submit(UNIQUE)
    tree.to(State.SWITCHED)
    events = {
        2: "CREATE TABLE made PARTITION OF tree FOR VALUES FROM (40) TO (50)",
        4: "ALTER TABLE tree ATTACH PARTITION apart FOR VALUES FROM (50) TO (60)",
        6: "ALTER TABLE tree DETACH PARTITION low",
        10: 'DROP TABLE old."mid ""1"" b"',
    }
    with meanwhile(monkeypatch, tree.url, events):
        tree.to(State.COMPLETED)
    assert valid(tree, "once")
    assert len([row for row in tree.rows(KEYS) if row[1] == "u"]) == 6


def test_a_primary_key_of_columns_that_may_be_null(tree: World) -> None:
    tree.run("ALTER TABLE tree DROP CONSTRAINT tree_pkey", "UPDATE tree SET note = NULL WHERE id = 7")
    tree.submit("add_primary_key: {table: tree, columns: [note, id, place]}")
    with pytest.raises(Blocked, match="1 of 300 rows are NULL"):
        tree.to(State.COMPLETED)
    tree.run("UPDATE tree SET note = 'n' || id")
    tree.service.verify("change")
    tree.to(State.COMPLETED)
    assert _whole(tree, "p")
    assert tree.rows(
        "SELECT count(*) FROM pg_attribute WHERE attname = 'note' AND attnotnull"
        " AND attrelid IN (SELECT relid FROM pg_partition_tree('tree'))"
    ) == [(6,)]


def test_rows_that_are_there_twice_stop_contract_and_undo(tree: World) -> None:
    tree.submit(DROP)
    tree.to(State.CONTRACTED)
    tree.run("INSERT INTO tree VALUES (7, 7, 'twice', 1)")
    with pytest.raises(Blocked, match=r"2 of \d+ rows of public\.tree break tree_pkey"):
        tree.service.undo("change", reason="a test says so")
    tree.run("DELETE FROM tree WHERE note = 'twice'")
    tree.service.undo("change", reason="a test says so")
    assert tree.service.advance("change").state is State.SWITCHED
    assert _whole(tree, "p")


@pytest.mark.parametrize(
    "by_hand",
    [
        "CREATE UNIQUE INDEX once ON ONLY tree (note, id, place)",
        "ALTER TABLE ONLY tree ADD CONSTRAINT once UNIQUE (id, place)",
        "ALTER TABLE low ADD CONSTRAINT low_once UNIQUE (note)",
        'CREATE UNIQUE INDEX "Mid_once" ON "Mid" (note, id, place)',
    ],
)
def test_what_is_not_ours_is_left_alone(tree: World, by_hand: str) -> None:
    tree.submit(UNIQUE)
    tree.to(State.SWITCHED)
    tree.run(by_hand)
    with pytest.raises(OrchError) as refused:
        tree.to(State.COMPLETED)
    assert refused.value.exit_code in (6, 7)
    assert not _whole(tree)


@pytest.mark.parametrize(
    ("by_hand", "operation", "reason"),
    [
        (
            "",
            "add_unique: {table: tree, columns: [note]}",
            "is partitioned by id, place, which tree_note_key does not have",
        ),
        (
            "ALTER TABLE tree DROP CONSTRAINT tree_pkey; ALTER TABLE low ADD PRIMARY KEY (id)",
            "add_primary_key: {table: tree, columns: [id, place]}",
            r"partition public\.low has a primary key of its own, low_pkey1?",
        ),
        (
            "CREATE TABLE o (i bigint, p int, FOREIGN KEY (i, p) REFERENCES tree)",
            DROP,
            "foreign key .* refers to public.tree by tree_pkey",
        ),
        (
            "CREATE TABLE o (i bigint, p int, FOREIGN KEY (i, p) REFERENCES low)",
            DROP,
            r"partition public\.low has of its own, over .*: foreign key of another table o_i_p_fkey",
        ),
    ],
)
def test_refused(tree: World, by_hand: str, operation: str, reason: str) -> None:
    tree.run(by_hand) if by_hand else None
    with pytest.raises(PlanRefused, match=reason) as refused:
        tree.submit(operation)
    assert refused.value.next_step
