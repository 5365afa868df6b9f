"""F1, F2, F3, F8, F16 where a shape has several columns: it is given, changed, filled and rejected as a whole."""

from __future__ import annotations

import threading

import psycopg
import pytest

from orchestrator.core.errors import Blocked
from orchestrator.core.progress import Progress
from state.model import State
from tests.support.release import Release

SPLIT = (
    "split_column: {table: t, column: email, into: {a: {type: text, up: \"split_part(email, ' ', 1)\"},"
    " b: {type: text, up: \"nullif(split_part(email, ' ', 2), '')\"}}, down: \"concat_ws(' ', a, b)\"}"
)
MEASURE = (
    "split_column: {table: t, column: email, into: {w: {type: int, up: \"split_part(email, 'x', 1)::int\", not_null: true},"
    " h: {type: int, up: \"split_part(email, 'x', 2)::int\"}}, down: \"w || 'x' || h\"}"
)
MERGE = (
    "merge_columns: {table: t, columns: [n, other], to: size, type: text, up: \"n || 'x' || other\", not_null: true,"
    " default: \"'0x0'\", down: {n: \"split_part(size, 'x', 1)::int\", other: \"nullif(split_part(size, 'x', 2), '')::int\"}}"
)


def _texts(release: Release) -> list[tuple[object, ...]]:
    return release.rows("SELECT email, a, b FROM t ORDER BY id")


def _sizes(release: Release) -> list[tuple[object, ...]]:
    return release.rows("SELECT n, other, size FROM t ORDER BY id")


def _rejected(release: Release) -> list[tuple[object, ...]]:
    return release.rows("SELECT direction, key->>'id', sqlstate FROM orch_target.rejected_row ORDER BY key->>'id'")


def test_a_part_left_empty_by_a_dual_writer_is_not_filled(release: Release) -> None:
    """F3: 'Ann' without a second part is what was written; the old value's second part does not belong to it."""
    release.run("INSERT INTO t (email) SELECT 'x y' FROM generate_series(1, 9)")
    release.submit(SPLIT)
    release.to(State.EXPANDED)
    release.run("UPDATE t SET email = 'Ann', a = 'ANN', b = NULL WHERE id = 1", "UPDATE t SET b = 'only' WHERE id = 2")
    release.to(State.BACKFILLED)
    assert _texts(release)[:3] == [("Ann", "ANN", None), ("only", None, "only"), ("x y", "x", "y")]


def test_a_row_of_which_one_part_stays_empty_is_filled(release: Release) -> None:
    release.run("INSERT INTO t (email) VALUES ('Cher'), (NULL), (''), (' z')")
    release.submit(SPLIT)
    release.to(State.SWITCHED)
    assert _texts(release) == [("Cher", "Cher", None), (None, None, None), ("", "", None), (" z", "", "z")]


def test_one_part_given_is_the_new_shape_given(release: Release) -> None:
    """F2: an INSERT with one new column is no INSERT through the old shape, whatever the old default."""
    release.submit(SPLIT.replace("email", "st").replace("}}, down", ", default: \"'d'\"}}, down"))
    release.to(State.EXPANDED)
    release.run(
        "INSERT INTO t (b) VALUES ('two')",
        "INSERT INTO t (a) VALUES ('pending')",
        "INSERT INTO t (other) VALUES (1)",
        "INSERT INTO t (st, a) VALUES ('both', 'BOTH')",
    )
    assert release.rows("SELECT st, a, b FROM t ORDER BY id") == [
        ("two", None, "two"),
        ("pending", "pending", None),
        ("pending", "pending", None),
        ("both", "BOTH", None),
    ]


def test_what_does_not_survive_down_outlives_unrelated_updates(release: Release) -> None:
    release.run("INSERT INTO t (email) VALUES ('x y')")
    release.submit(SPLIT)
    release.to(State.SWITCHED)
    release.run("UPDATE t SET a = 'Mary Ann', b = 'Lee'", "UPDATE t SET other = 5", "UPDATE t SET a = a, email = email")
    assert _texts(release) == [("Mary Ann Lee", "Mary Ann", "Lee")]
    release.to(State.CONTRACTED)
    release.run("UPDATE t SET b = 'Ray'")
    release.service.undo("change", reason="back")
    release.service.advance("change")
    assert _texts(release) == [("Mary Ann Ray", "Mary Ann", "Ray")]
    release.run("UPDATE t SET email = 'p q'")
    assert _texts(release) == [("p q", "p", "q")]


def test_a_value_of_which_one_part_raises_is_rejected_whole_and_named(release: Release) -> None:
    release.run("INSERT INTO t (email) VALUES ('1x2'), ('3xbad'), ('badx4'), ('5x6')")
    release.submit(MEASURE)
    release.to(State.EXPANDED)
    release.run("INSERT INTO t (email) VALUES ('7xbad')", "UPDATE t SET email = '8xbad' WHERE id = 4")
    release.to(State.BACKFILLED)
    pairs = [(1, 2), (None, None), (None, None), (None, None), (None, None)]
    assert release.rows("SELECT w, h FROM t ORDER BY id") == pairs
    assert {row[:2] for row in _rejected(release)} == {("up", "2"), ("up", "3"), ("up", "4"), ("up", "5")}
    release.service.approve("change")
    with pytest.raises(Blocked, match=r"no_rejected_rows.*4 of \d+ rows do not convert.*id=2, id=3, id=4, id=5"):
        release.service.advance("change")
    release.run("UPDATE t SET email = '9x9' WHERE id > 1")
    assert _rejected(release) == []
    release.service.verify("change")
    release.to(State.SWITCHED)
    assert release.rows("SELECT w, h FROM t ORDER BY id") == [(1, 2), *[(9, 9)] * 4]


def test_a_required_part_that_comes_out_empty_is_a_rejection(release: Release) -> None:
    release.run("INSERT INTO t (email) VALUES ('x y'), (' z')")
    change = SPLIT.replace("\"split_part(email, ' ', 1)\"", "\"nullif(split_part(email, ' ', 1), '')\", not_null: true")
    release.submit(change)
    release.to(State.EXPANDED)
    release.run("INSERT INTO t (email) VALUES (' v')")
    assert _rejected(release) == [("up", "3", "22004")]
    release.to(State.BACKFILLED)
    assert _texts(release) == [("x y", "x", "y"), (" z", None, None), (" v", None, None)]
    release.service.approve("change")
    with pytest.raises(Blocked, match=r"id=2, id=3"):
        release.service.advance("change")


@pytest.fixture
def merging(release: Release) -> Release:
    release.run("INSERT INTO t (n, other) VALUES (1, 2), (3, 4)", "ALTER TABLE t ALTER n SET NOT NULL")
    release.submit(MERGE)
    release.to(State.SWITCHED)
    return release


def test_a_new_value_that_does_not_convert_back_empties_the_old_shape_and_blocks_the_way_back(merging: Release) -> None:
    merging.run("UPDATE t SET size = '5xhuge' WHERE id = 1", "INSERT INTO t (size) VALUES ('bigx1'), ('7x8'), ('9')")
    assert _sizes(merging) == [
        (None, None, "5xhuge"),
        (3, 4, "3x4"),
        (None, None, "bigx1"),
        (7, 8, "7x8"),
        (None, None, "9"),
    ]
    assert _rejected(merging) == [("down", "1", "22P02"), ("down", "3", "22P02"), ("down", "5", "22004")]
    for act in (merging.service.undo, merging.service.abort):
        with pytest.raises(Blocked, match=r"only size can hold.*id=1, id=3, id=5"):
            act("change", reason="back")
    merging.to(State.CONTRACTED)
    with pytest.raises(Blocked, match=r"id=1, id=3, id=5"):
        merging.service.undo("change", reason="back")
    merging.run("UPDATE t SET size = '6x6' WHERE id <> 2")
    assert _rejected(merging) == []
    merging.service.undo("change", reason="back")
    merging.service.advance("change")
    merging.service.abort("change", reason="back")
    assert merging.service.advance("change").state is State.ABORTED
    assert merging.rows("SELECT n, other FROM t ORDER BY id") == [(6, 6), (3, 4), (6, 6), (6, 6), (6, 6)]


def test_not_null_of_each_old_column_is_stood_in_for(merging: Release) -> None:
    for statement in (
        "INSERT INTO t (n) VALUES (NULL)",
        "INSERT INTO t (other) VALUES (5)",
        "INSERT INTO t (n, other) VALUES (5, NULL)",
        "UPDATE t SET n = NULL",
        "UPDATE t SET other = NULL, n = 7",
        "UPDATE t SET size = NULL",
        "INSERT INTO t (n, other, size) VALUES (1, NULL, '1x1')",
    ):
        with pytest.raises(psycopg.errors.NotNullViolation):
            merging.run(statement)
    merging.run("INSERT INTO t (n) VALUES (5)")
    assert _sizes(merging) == [(1, 2, "1x2"), (3, 4, "3x4"), (5, 0, "5x0")]


def test_an_old_version_can_write_a_row_whose_new_value_did_not_convert(merging: Release) -> None:
    """Half of the old shape is NULL then, and its NOT NULL was the row's before: no write may fail for that."""
    merging.run("UPDATE t SET size = 'no' WHERE id = 1", "UPDATE t SET other = 5 WHERE id = 1")
    assert _sizes(merging)[0][:2] == (None, 5)
    with pytest.raises(Blocked, match=r"id=1"):
        merging.service.undo("change", reason="back")
    merging.run("UPDATE t SET n = 4 WHERE id = 1")
    assert _sizes(merging)[0] == (4, 5, "4x5")
    assert _rejected(merging) == []


def test_a_value_that_nothing_at_all_would_become_still_fills_an_old_column_that_may_not_be_null(
    release: Release,
) -> None:
    """up(NULL) is the very value: the old column would stay NULL, which old versions never see in it."""
    release.run("INSERT INTO t (email) VALUES ('x')", "ALTER TABLE t ALTER email SET NOT NULL")
    release.submit(
        "change_type: {table: t, column: email, to: mail, type: text, up: \"coalesce(email, '')\", down: mail}"
    )
    release.to(State.EXPANDED)
    release.run("INSERT INTO t (mail) VALUES ('')")
    assert release.rows("SELECT email, mail FROM t ORDER BY id") == [("x", None), ("", "")]


def test_values_written_during_the_backfill_survive_it(release: Release) -> None:
    release.run("INSERT INTO t (email) SELECT 'x y' FROM generate_series(1, 3000)")
    release.submit(SPLIT, more="backfill: {batch_rows: 20}\n")
    release.to(State.EXPANDED)
    over = threading.Event()
    written: list[int] = []

    def dual_writer() -> None:
        with psycopg.connect(release.url, autocommit=True) as link:
            for number in range(3000, 0, -7):
                if over.is_set():
                    return
                link.execute("UPDATE t SET email = 'BOTH', a = NULL, b = 'WRITTEN' WHERE id = %s", (number,))
                written.append(number)

    writer = threading.Thread(target=dual_writer)

    def listen(progress: Progress) -> None:
        if progress.kind == "step.started" and not writer.ident:
            writer.start()

    release.to(State.BACKFILLED, listen=listen)
    over.set()
    writer.join()
    assert len(written) > 20
    assert release.rows("SELECT count(*) FROM t WHERE a IS NULL AND b = 'WRITTEN'") == [(len(written),)]
    assert release.rows("SELECT count(*) FROM t WHERE a = 'x' AND b = 'y'") == [(3000 - len(written),)]
