"""Columns that are split or merged on a partitioned table: a row that moves is inserted, and keeps both of its shapes."""

from __future__ import annotations

import pytest

from orchestrator.core.errors import PlanRefused
from state.model import State
from tests.partitioned.test_columns import MOVES
from tests.service.world import World

SPLIT = (
    "split_column: {{table: tree, column: note, into: {{head: {{type: text, up: 'left(note, 1)'}},"
    ' tail: {{type: text, up: "nullif(substr(note, 2), \'\')"}}}}, down: "{}"}}'
)
MERGE = (
    'merge_columns: {{table: tree, columns: [note, amount], to: whole, type: text, up: "{}",'
    " down: {{note: \"split_part(whole, ' ', 1)\", amount: \"split_part(whole, ' ', 2)::int\"}}}}"
)
SPLIT_BACK = "head || coalesce(tail, '')"
MERGED = "note || ' ' || coalesce(amount, 0)"
ALL = "SELECT * FROM tree ORDER BY id"


@pytest.mark.parametrize(
    ("operation", "writes"),
    [
        (
            SPLIT.format(SPLIT_BACK),
            (
                "head = NULL, tail = NULL",
                "note = NULL",
                "head = 'lossy', tail = NULL",
                "head = 'x', tail = ''",
                "note = 'y', head = 'z'",
                "note = 'n1'",
            ),
        ),
        (
            MERGE.format(MERGED),
            ("whole = NULL", "note = NULL, amount = NULL", "whole = 'no_number here'", "whole = 'a 1 b'", "amount = 1"),
        ),
    ],
    ids=["split_column", "merge_columns"],
)
def test_a_row_that_moves_keeps_both_shapes(tree: World, operation: str, writes: tuple[str, ...]) -> None:
    """F13: its trigger must leave alone what the UPDATE, or a writer long ago, has settled."""
    tree.run("ALTER TABLE tree ALTER amount DROP NOT NULL, ALTER amount DROP DEFAULT")
    tree.submit(operation)
    tree.to(State.BACKFILLED)
    for number, write in enumerate(writes):
        tree.run(f"UPDATE tree SET {write} WHERE id % 20 = {number}")
    before = [row[:1] + row[2:] for row in tree.rows(ALL)]
    for _ in range(3):
        tree.run(MOVES)
        assert [row[:1] + row[2:] for row in tree.rows(ALL)] == before


@pytest.mark.parametrize(
    ("operation", "what"),
    [
        (SPLIT.format("concat(head, tail)"), "down of public.tree.note"),
        (MERGE.format("concat_ws(' ', note, amount)"), "up of public.tree.whole"),
    ],
)
def test_what_makes_a_value_of_nulls_is_refused(tree: World, operation: str, what: str) -> None:
    tree.run("ALTER TABLE tree ALTER amount DROP NOT NULL, ALTER amount DROP DEFAULT")
    with pytest.raises(PlanRefused, match=f"{what} makes a value of NULL") as refused:
        tree.submit(operation)
    assert "as strict functions" in refused.value.next_step


def test_the_type_of_a_replaced_enum_goes_with_the_column_of_all_partitions(tree: World) -> None:
    tree.run("CREATE TYPE mood AS ENUM ('ok', 'bad')", "ALTER TABLE tree ADD mood mood DEFAULT 'ok'")
    tree.submit("replace_enum: {table: tree, column: mood, to: humour, type: humour, values: [bad, ok]}")
    tree.to(State.COMPLETED)
    assert tree.rows("SELECT to_regtype('mood') IS NULL, count(*) FROM tree WHERE humour = 'ok'") == [(True, 300)]
