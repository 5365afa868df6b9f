"""A foreign key of a partitioned table where none can be NOT VALID: partition by partition, whatever comes between, and back.

Before PostgreSQL 18 there is no other way; later servers could go it, too, and are made to, so that every server tests it.
"""

from __future__ import annotations

import psycopg
import pytest

from orchestrator.core.catalog import TableName
from orchestrator.core.errors import Blocked, OrchError, PlanRefused
from orchestrator.core.partitioned import AddPartitionedForeignKey
from orchestrator.dialects.postgres import kinds, partitions
from state.model import State
from tests.partitioned.trees import Died, dying_before, meanwhile
from tests.service.world import World

ADD = "add_foreign_key: {table: tree, columns: [amount], references: parent, name: its, on_delete: cascade}"
DROP = "drop_constraint: {table: tree, constraint: its}"
KEY = "FOREIGN KEY (amount) REFERENCES public.parent(id) ON DELETE CASCADE"
KEYS = """
SELECT conrelid::regclass::text, conname::text, convalidated, conparentid <> 0, pg_get_constraintdef(oid),
       obj_description(oid, 'pg_constraint')
  FROM pg_constraint WHERE contype = 'f' AND conrelid IN (SELECT relid FROM pg_partition_tree('tree')) ORDER BY 1, 2
"""
MESSAGES = 9
"""What the key of the tree needs: each of four partitions gets it and has it proved, then the whole gets its own."""


@pytest.fixture
def kin(tree: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The tree with a table to refer to, on a server that is taken for an old one."""
    monkeypatch.setattr(partitions, "NOT_VALID", 10**9)
    tree.run("CREATE TABLE parent (id int PRIMARY KEY)", "INSERT INTO parent SELECT generate_series(0, 6)")
    return tree


def _whole(world: World) -> bool:
    rows = world.rows(KEYS)
    return [row[2:4] for row in rows] == [(True, row[0] != "tree") for row in rows] and len(rows) == 6


@pytest.mark.parametrize("number", range(1, MESSAGES))
def test_a_worker_may_die_between_any_two_messages(kin: World, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    kin.submit(ADD)
    kin.to(State.SWITCHED)
    with dying_before(number, monkeypatch), pytest.raises(Died):
        kin.to(State.COMPLETED)
    assert len(kin.rows(KEYS)) == (number + 1) // 2
    kin.to(State.COMPLETED)
    assert _whole(kin)
    kin.run("DELETE FROM parent WHERE id = 3")
    assert kin.rows("SELECT count(*) FROM tree WHERE amount = 3") == [(0,)]


@pytest.mark.parametrize("number", range(0, MESSAGES, 2))
def test_the_way_back_to_one_may_be_broken_off_anywhere(
    kin: World, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kin.run(f"ALTER TABLE tree ADD CONSTRAINT its {KEY}", "COMMENT ON CONSTRAINT its ON tree IS 'why'")
    before = kin.rows(KEYS)
    kin.submit(DROP)
    kin.to(State.SWITCHED)
    assert kin.rows(KEYS) == []
    kin.service.abort("change", reason="a test says so")
    with dying_before(number, monkeypatch), pytest.raises(Died):
        kin.service.advance("change")
    assert kin.service.advance("change").state is State.ABORTED
    assert kin.rows(KEYS) == before


def test_partitions_that_come_and_go_meanwhile(kin: World, monkeypatch: pytest.MonkeyPatch) -> None:
    kin.run("CREATE TABLE apart (LIKE tree)", "INSERT INTO apart VALUES (1000, 50, 'x', 1)")
    kin.submit(ADD)
    kin.to(State.SWITCHED)
    events = {
        2: "CREATE TABLE made PARTITION OF tree FOR VALUES FROM (40) TO (50)",
        4: "ALTER TABLE tree ATTACH PARTITION apart FOR VALUES FROM (50) TO (60)",
        6: "ALTER TABLE tree DETACH PARTITION low",
    }
    with meanwhile(monkeypatch, kin.url, events):
        kin.to(State.COMPLETED)
    assert [row[2:4] for row in kin.rows(KEYS) if row[0] != "tree"] == [(True, True)] * 6


def test_a_partition_that_comes_at_the_last_moment_is_not_read_under_lock(kin: World) -> None:
    """What the whole is about to take for proved is asked again once nobody can attach a partition any more."""
    parent = TableName("public", "parent")
    step = AddPartitionedForeignKey(TableName("public", "tree"), "its", KEY, parent)
    kind = kinds.kind_of(step)
    assert kind.onward is not None
    with psycopg.connect(kin.url, autocommit=True) as link:
        link.execute("SET search_path = pg_catalog, pg_temp")
        look = kinds.Look(link, "s")
        for _ in range(MESSAGES - 1):
            move = kind.onward(look, step)
            assert move is not None
            link.execute(move.statements[-1])
        last = kind.onward(look, step)
        assert last is not None
        kin.run(
            "CREATE TABLE apart (LIKE tree)", "ALTER TABLE tree ATTACH PARTITION apart FOR VALUES FROM (50) TO (60)"
        )
        with pytest.raises(psycopg.errors.LockNotAvailable, match="a partition came meanwhile"), link.transaction():
            for statement in last.statements:
                link.execute(statement)
        again = kind.onward(look, step)
        assert again is not None
        assert again.statements[0].as_string(None).startswith('ALTER TABLE "public"."apart"')


def test_rows_that_refer_to_nothing_are_named_first(kin: World) -> None:
    kin.run("UPDATE tree SET amount = 77 WHERE id IN (5, 6)")
    kin.submit(ADD)
    with pytest.raises(Blocked, match=r"2 of \d+ rows of public\.tree break its"):
        kin.to(State.COMPLETED)
    kin.run("INSERT INTO parent VALUES (77)")
    kin.service.verify("change")
    kin.to(State.COMPLETED)
    assert _whole(kin)


def test_a_copied_column_takes_its_foreign_key_along(kin: World) -> None:
    kin.run(f"ALTER TABLE tree ADD CONSTRAINT its {KEY}")
    kin.submit("rename_column: {table: tree, column: amount, to: total}")
    kin.to(State.CONTRACTED)
    kin.service.undo("change", reason="a test says so")
    assert kin.service.advance("change").state is State.SWITCHED
    kin.to(State.COMPLETED)
    assert _whole(kin)
    assert {row[4] for row in kin.rows(KEYS)} == {"FOREIGN KEY (total) REFERENCES parent(id) ON DELETE CASCADE"}


@pytest.mark.parametrize(
    "by_hand",
    [
        "ALTER TABLE low ADD CONSTRAINT its CHECK (id > 0)",
        "ALTER TABLE low ADD CONSTRAINT its FOREIGN KEY (amount) REFERENCES parent",
    ],
)
def test_what_is_not_ours_is_left_alone(kin: World, by_hand: str) -> None:
    kin.submit(ADD)
    kin.to(State.SWITCHED)
    kin.run(by_hand)
    before = kin.rows("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'its'")
    with pytest.raises(OrchError) as refused:
        kin.to(State.COMPLETED)
    assert refused.value.exit_code in (6, 7)
    assert kin.rows("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'its'") == before


def test_a_partitioned_table_to_refer_to_is_refused_with_the_way_around(tree: World) -> None:
    tree.run("CREATE TABLE o (i bigint, p int)")
    with pytest.raises(PlanRefused, match=r"public\.tree is a partitioned table") as refused:
        tree.submit("add_foreign_key: {table: o, columns: [i, p], references: tree, to: [id, place]}")
    assert "NOT VALID" in refused.value.next_step
