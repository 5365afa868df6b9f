"""A column of a partitioned table under its new name through a view, the one by which rows find their partition included."""

from __future__ import annotations

import pytest

from orchestrator.core.errors import PlanRefused
from state.model import State
from tests.service.world import QUICK, World, source

RENAME = "rename_column: {table: tree, column: place, to: spot}"
VIEWS = QUICK + "switch_reads: {by: views, in_schema: next}\n"
NAMED = """
SELECT count(*) FROM pg_attribute WHERE attname = '{}' AND attrelid IN (SELECT relid FROM pg_partition_tree('tree'))
"""
FUNCTION = (
    "CREATE FUNCTION looking() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} RETURN NEW; END $$;"
    "CREATE TRIGGER looking BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION looking()"
)


def test_the_whole_way_and_back(tree: World) -> None:
    tree.submit(RENAME, more=VIEWS)
    tree.to(State.SWITCHED)
    tree.run("INSERT INTO next.tree (id, spot) VALUES (1000, 5)", "UPDATE next.tree SET spot = 15 WHERE id = 1000")
    assert tree.rows("SELECT tableoid::regclass::text LIKE '%mid%' FROM tree WHERE id = 1000 AND place = 15") == [
        (True,)
    ]
    tree.to(State.CONTRACTED)
    assert tree.rows(NAMED.format("spot")) == [(6,)]
    tree.run("UPDATE next.tree SET spot = 5 WHERE id = 1000")
    tree.service.undo("change", reason="a test says so")
    assert tree.service.advance("change").state is State.SWITCHED
    assert tree.rows(NAMED.format("place")) == [(6,)]
    tree.to(State.COMPLETED)
    assert tree.rows(NAMED.format("spot")) == [(6,)]
    assert tree.rows("SELECT count(*) FROM low WHERE id = 1000 AND spot = 5") == [(1,)]


@pytest.mark.parametrize(
    ("by_hand", "calling"),
    [
        (FUNCTION.format("NEW.place := 1;", "low"), "looking"),
        ("CREATE TABLE o ();" + FUNCTION.format("PERFORM place FROM low;", "o"), "looking"),
    ],
    ids=["of a partition", "of another table, reading a partition"],
)
def test_a_trigger_that_names_the_column_in_its_text_is_refused(tree: World, by_hand: str, calling: str) -> None:
    tree.run(by_hand)
    with pytest.raises(PlanRefused, match=rf"{calling}\(\) names place in its text") as refused:
        tree.submit(RENAME, more=VIEWS)
    assert refused.value.next_step


def test_partitions_that_are_named_are_told_of(tree: World) -> None:
    plan = tree.service.plan(source(RENAME, more=VIEWS), "change.yaml")
    assert any("contract renames place in all partitions" in note for note in plan.notes), plan.notes
