"""An index of a partitioned table: built partition by partition, whatever comes between, and taken back without a trace."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest

from orchestrator.core.errors import Blocked, OrchError, PlanRefused
from state.model import State
from tests.partitioned.trees import INDEX, INDEXES, Died, dying_before, meanwhile, valid
from tests.service.world import World
from tests.support.beside import beside

MESSAGES = 10
"""What the tree needs: its own index, one for the sub-partitioned table, a build for each of four partitions, five
attachments make eleven; it may die before each but the first."""


def test_every_partition_gets_its_part(tree: World) -> None:
    tree.submit(INDEX)
    assert tree.to(State.COMPLETED).state is State.COMPLETED
    assert valid(tree)
    names = dict(tree.rows(INDEXES.replace("ORDER BY", "AND c.relname LIKE '%by_note' ORDER BY")))
    assert names == {
        "tree": "by_note",
        "low": "low_by_note",
        '"Mid"': "Mid_by_note",
        '"mid 0"': "mid 0_by_note",
        'old."mid ""1"" b"': 'mid "1" b_by_note',
        "rest": "rest_by_note",
    }


@pytest.mark.parametrize("number", range(MESSAGES + 1))
@pytest.mark.parametrize("then", ["on", "back"])
def test_a_worker_may_die_between_any_two_messages(
    tree: World, number: int, then: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree.rows(INDEXES)
    tree.submit(INDEX)
    with dying_before(number, monkeypatch), pytest.raises(Died):
        tree.step()
    assert (tree.rows(INDEXES) == before) is (number == 0)
    if then == "on":
        tree.to(State.COMPLETED)
        assert valid(tree)
        return
    assert tree.abort().state is State.ABORTED
    assert tree.rows(INDEXES) == before


def test_the_way_back_may_be_broken_off_anywhere_too(tree: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree.rows(INDEXES)
    tree.submit(INDEX)
    with dying_before(7, monkeypatch), pytest.raises(Died):
        tree.step()
    tree.service.abort("change", reason="a test says so")
    for _ in range(10):
        with dying_before(1, monkeypatch):
            try:
                assert tree.service.advance("change").state is State.ABORTED
                break
            except Died:
                continue
    assert tree.rows(INDEXES) == before


def test_partitions_that_come_and_go_meanwhile(tree: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.run("CREATE TABLE apart (LIKE tree)", "INSERT INTO apart VALUES (1000, 50, 'x', 1)")
    tree.submit(INDEX)
    events = {
        2: "CREATE TABLE made PARTITION OF tree FOR VALUES FROM (40) TO (50)",
        4: "ALTER TABLE tree ATTACH PARTITION apart FOR VALUES FROM (50) TO (60)",
        6: "ALTER TABLE tree DETACH PARTITION low",
        8: 'CREATE TABLE "mid 2" PARTITION OF tree FOR VALUES FROM (60) TO (70) PARTITION BY LIST (id);'
        ' CREATE TABLE "mid 2 a" PARTITION OF "mid 2" DEFAULT',
    }
    with meanwhile(monkeypatch, tree.url, events):
        tree.to(State.COMPLETED)
    assert valid(tree)
    assert tree.rows("SELECT count(*) FROM pg_partition_tree('tree')") == [(9,)]


def test_the_last_partition_without_a_part_may_vanish(tree: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but an attachment makes the whole valid, and there is none left to come: it is built anew."""
    tree.submit(INDEX)
    with meanwhile(monkeypatch, tree.url, {MESSAGES + 1: 'DROP TABLE old."mid ""1"" b"'}):
        tree.to(State.COMPLETED)
    assert valid(tree)


def test_a_broken_build_of_one_partition_is_cleared_away(tree: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.submit(INDEX)
    with dying_before(4, monkeypatch), pytest.raises(Died):
        tree.step()
    tree.run("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'low_by_note'::regclass")
    if tree.rows("SELECT count(*) FROM pg_inherits WHERE inhrelid = 'low_by_note'::regclass") == [(1,)]:
        pytest.fail("the test came too late")
    tree.to(State.COMPLETED)
    assert valid(tree)


def _has(world: World, name: str) -> bool:
    return world.rows(f"SELECT to_regclass('{name}') IS NOT NULL") == [(True,)]


@pytest.mark.parametrize(
    "by_hand",
    [
        "CREATE INDEX low_by_note ON low (amount)",
        "CREATE TABLE low_by_note ()",
        "CREATE INDEX by_note ON ONLY tree (amount)",
        "CREATE VIEW by_note AS SELECT 1",
    ],
)
def test_what_is_not_ours_is_left_alone(tree: World, by_hand: str) -> None:
    tree.submit(INDEX)
    tree.run(by_hand)
    before = tree.rows("SELECT count(*) FROM pg_class WHERE relname IN ('low_by_note', 'by_note')")
    with pytest.raises(OrchError) as refused:
        tree.step()
    assert refused.value.exit_code in (6, 7)
    assert before == [(1,)]
    assert tree.rows("SELECT count(*) FROM pg_class WHERE relname IN ('low_by_note')") == [
        (1 if "low" in by_hand else 0,)
    ]


def test_a_name_that_a_renamed_index_left_behind_is_no_obstacle(tree: World) -> None:
    tree.submit(INDEX, change="first")
    tree.to(State.COMPLETED, "first")
    tree.run("ALTER INDEX by_note RENAME TO other")
    tree.submit(INDEX, change="second")
    tree.to(State.COMPLETED, "second")
    assert valid(tree)
    assert valid(tree, "other")


def test_unique_over_the_whole_needs_the_partition_key(tree: World) -> None:
    with pytest.raises(PlanRefused, match="partitioned by id, place, which one_note does not have"):
        tree.submit("add_index: {table: tree, columns: [note], name: one_note, unique: true}")
    with pytest.raises(PlanRefused, match="is partitioned by place, which"):
        tree.submit("add_index: {table: tree, columns: [id, note], name: one_note, unique: true}")


def test_unique_rows_are_asked_for_first(tree: World) -> None:
    tree.run("INSERT INTO tree VALUES (7, 7, 'twice', 1) ON CONFLICT DO NOTHING")
    tree.run("ALTER TABLE tree DROP CONSTRAINT tree_pkey", "INSERT INTO tree VALUES (7, 7, 'twice', 1)")
    tree.submit("add_index: {table: tree, columns: [place, id], name: once, unique: true}")
    with pytest.raises(Blocked, match=r"2 of \d+ rows of public\.tree break once"):
        tree.to(State.COMPLETED)
    tree.run("DELETE FROM tree WHERE note = 'twice'")
    tree.service.verify("change")
    tree.to(State.COMPLETED)
    assert valid(tree, "once")


def test_a_partition_is_no_table_of_its_own(tree: World) -> None:
    with pytest.raises(PlanRefused, match="is a partition"):
        tree.submit("add_index: {table: low, columns: [note]}")


def test_foreign_partitions_are_refused(tree: World) -> None:
    tree.run(
        "ALTER TABLE tree DROP CONSTRAINT tree_pkey",
        "CREATE FOREIGN DATA WRAPPER nothing",
        "CREATE SERVER afar FOREIGN DATA WRAPPER nothing",
        "CREATE FOREIGN TABLE far PARTITION OF tree FOR VALUES FROM (40) TO (50) SERVER afar",
    )
    with pytest.raises(PlanRefused, match=r"foreign tables: public\.far"):
        tree.submit(INDEX)


def test_a_foreign_partition_attached_meanwhile_stops_it_and_abort_is_possible(
    tree: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.run("ALTER TABLE tree DROP CONSTRAINT tree_pkey")
    before = tree.rows(INDEXES)
    tree.run("CREATE FOREIGN DATA WRAPPER nothing", "CREATE SERVER afar FOREIGN DATA WRAPPER nothing")
    tree.submit(INDEX)
    far = "CREATE FOREIGN TABLE far PARTITION OF tree FOR VALUES FROM (40) TO (50) SERVER afar"
    with meanwhile(monkeypatch, tree.url, {5: far}), pytest.raises(OrchError, match=r"public\.far is a foreign table"):
        tree.step()
    assert tree.abort().state is State.ABORTED
    assert tree.rows(INDEXES) == before


def test_drop_and_undo(tree: World) -> None:
    tree.run("CREATE INDEX by_note ON tree (note)", "COMMENT ON INDEX by_note IS 'why'")
    tree.submit("drop_index: {table: tree, index: by_note}")
    tree.to(State.CONTRACTED)
    assert not _has(tree, "by_note")
    tree.service.undo("change", reason="a test says so")
    assert tree.service.advance("change").state is State.SWITCHED
    assert valid(tree)
    assert tree.rows("SELECT obj_description('by_note'::regclass, 'pg_class')") == [("why",)]
    tree.to(State.COMPLETED)
    assert tree.rows("SELECT count(*) FROM pg_class WHERE relname LIKE '%by_note%'") == [(0,)]


def test_replace(tree: World) -> None:
    tree.run("CREATE INDEX by_note ON tree (note)")
    tree.submit("replace_index: {table: tree, index: by_note, columns: [note, amount]}")
    tree.to(State.CONTRACTED)
    assert valid(tree)
    tree.service.undo("change", reason="a test says so")
    assert tree.service.advance("change").state is State.SWITCHED
    assert tree.rows("SELECT pg_get_indexdef('by_note'::regclass)")[0][0].endswith("(note)")
    tree.to(State.COMPLETED)
    assert tree.rows("SELECT pg_get_indexdef('by_note'::regclass)")[0][0].endswith("(note, amount)")
    assert valid(tree)
    assert tree.rows("SELECT count(*) FROM pg_class WHERE relname LIKE 'by_note%'") == [(1,)]


def test_a_drop_gives_way_to_readers_of_one_partition(tree: World) -> None:
    """Each lock may be waited for 100 ms; those on the way there are held, so the whole is bounded, too (F24)."""
    tree.run("CREATE INDEX by_note ON tree (note)")
    tree.submit("drop_index: {table: tree, index: by_note}")
    tree.to(State.SWITCHED)
    with psycopg.connect(tree.url) as holder:
        holder.execute("SELECT count(*) FROM rest")
        with beside(tree.url, "SELECT count(*) FROM tree") as reader:
            drop = threading.Thread(target=lambda: tree.to(State.CONTRACTED))
            drop.start()
            time.sleep(3)
            assert _has(tree, "by_note")
            holder.rollback()
            drop.join(30)
    assert not _has(tree, "by_note")
    assert reader.slowest < 1.0
