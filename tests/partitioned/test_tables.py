"""A partitioned table is dropped and renamed whole, with all its partitions, while they are read by their own names; and back."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest

from state.model import State
from tests.service.world import World, source

DROP = "drop_table: {table: tree}"
RENAME = "rename_table: {table: tree, to: wood}"
PARTS = "SELECT relid::regclass::text, level, isleaf FROM pg_partition_tree('{}') ORDER BY 1"
FOUND = "SELECT count(*), sum(id), max(tableoid::regclass::text) FROM {}"
NAMES = """
SELECT relname FROM pg_class
 WHERE relkind IN ('r', 'p', 'v') AND relnamespace IN ('public'::regnamespace, 'old'::regnamespace)
"""


def test_a_drop_leaves_nothing_and_an_undo_gives_back_every_partition(tree: World) -> None:
    parts, found = tree.rows(PARTS.format("tree")), tree.rows(FOUND.format("tree"))
    tree.submit(DROP)
    tree.to(State.CONTRACTED)
    assert tree.rows("SELECT to_regclass('tree') IS NULL") == [(True,)]
    assert tree.rows("SELECT count(*) FROM low") == [(100,)]
    tree.service.undo("change", reason="it is needed")
    tree.service.advance("change")
    assert (tree.rows(PARTS.format("tree")), tree.rows(FOUND.format("tree"))) == (parts, found)
    tree.run("INSERT INTO tree VALUES (1001, 5)", "UPDATE tree SET place = 15 WHERE id = 1001")
    tree.to(State.COMPLETED)
    assert tree.rows(NAMES) == []


def test_what_the_table_has_within_itself_goes_with_it(tree: World) -> None:
    """A default in every partition that asks the table's own sequence, and a reference from the table to itself."""
    tree.run(
        "ALTER TABLE tree ADD ticket serial, ADD above bigint, ADD spot int",
        "ALTER TABLE tree ADD FOREIGN KEY (above, spot) REFERENCES tree ON DELETE CASCADE",
    )
    tree.submit(DROP)
    tree.to(State.COMPLETED)
    assert tree.rows(NAMES) == []
    assert tree.rows("SELECT count(*) FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace") == [
        (0,)
    ]


def test_a_plan_says_that_partitions_keep_their_names(tree: World) -> None:
    for operation in (DROP, RENAME):
        notes = tree.service.plan(source(operation), "c.yaml").notes
        assert any("partitions keep their own names" in note and 'old.mid "1" b' in note for note in notes)


@pytest.mark.parametrize("rest", [State.BACKFILLED, State.SWITCHED])
def test_both_names_are_read_and_written_and_an_abort_leaves_what_was(tree: World, rest: State) -> None:
    parts = tree.rows(PARTS.format("tree"))
    tree.submit(RENAME)
    tree.to(rest)
    tree.run(
        "INSERT INTO wood (id, place, note) VALUES (1001, 5, 'new')",
        "UPDATE wood SET place = 25 WHERE id = 1001",
        "INSERT INTO wood (id, place) VALUES (1001, 25) ON CONFLICT (id, place) DO UPDATE SET note = 'again'",
        "INSERT INTO tree (id, place) VALUES (1002, 15)",
        "DELETE FROM wood WHERE id = 1002",
    )
    assert tree.rows("SELECT id, place, note, tableoid::regclass::text FROM tree WHERE id > 1000") == [
        (1001, 25, "again", "rest")
    ]
    assert tree.abort().state is State.ABORTED
    assert tree.rows("SELECT to_regclass('wood') IS NULL") == [(True,)]
    assert tree.rows(PARTS.format("tree")) == parts


def test_a_renamed_table_keeps_its_partitions_and_goes_back(tree: World) -> None:
    parts, found = tree.rows(PARTS.format("tree")), tree.rows(FOUND.format("tree"))
    renamed = sorted(("wood" if name == "tree" else name, *more) for name, *more in parts)
    tree.submit(RENAME)
    tree.to(State.CONTRACTED)
    assert sorted(tree.rows(PARTS.format("wood"))) == renamed
    assert tree.rows("SELECT relkind::text FROM pg_class WHERE relname = 'wood'") == [("p",)]
    tree.service.undo("change", reason="it is needed")
    tree.service.advance("change")
    assert tree.rows(PARTS.format("tree")) == parts
    tree.to(State.COMPLETED)
    assert tree.rows(FOUND.format("wood")) == found
    assert tree.rows("SELECT to_regclass('tree') IS NULL") == [(True,)]


def _contract(tree: World, over: threading.Event) -> None:
    try:
        tree.step()
    finally:
        over.set()


@pytest.mark.parametrize("operation", [DROP, RENAME])
def test_who_reads_one_partition_waits_for_no_reader_of_another(tree: World, operation: str) -> None:
    """A reader of one partition, by its name, holds contract up for a while; readers of others must not queue behind it."""
    tree.submit(operation)
    tree.to(State.SWITCHED)
    longest, over = 0.0, threading.Event()
    with psycopg.connect(tree.url) as holder, psycopg.connect(tree.url, autocommit=True) as reader:
        holder.execute("SELECT count(*) FROM rest")
        release = threading.Timer(1.5, holder.rollback)
        release.start()
        contract = threading.Thread(target=_contract, args=(tree, over))
        contract.start()
        while not over.is_set():
            began = time.monotonic()
            reader.execute("SELECT count(*) FROM low")
            longest = max(longest, time.monotonic() - began)
            time.sleep(0.01)
        contract.join()
        release.join()
    assert tree.service.status("change").state is State.CONTRACTED
    assert longest < 1.0, f"a reader waited {longest:.2f} s"
