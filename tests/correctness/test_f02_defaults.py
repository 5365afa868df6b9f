"""F2: a default on the old column must not look like a second value given by the writer."""

from __future__ import annotations

import psycopg
import pytest

from state.model import State
from tests.support.release import Release


def _pairs(release: Release) -> list[tuple[object, ...]]:
    return release.rows("SELECT st, st2 FROM t ORDER BY id")


@pytest.fixture
def expanded(release: Release) -> Release:
    release.submit("rename_column: {table: t, column: st, to: st2}")
    release.to(State.EXPANDED)
    return release


def test_a_new_value_wins_over_the_default_of_the_old_column(expanded: Release) -> None:
    expanded.run("INSERT INTO t (st2) VALUES ('shipped')", "INSERT INTO t (st2) VALUES ('a'), ('b')")
    assert _pairs(expanded) == [("shipped", "shipped"), ("a", "a"), ("b", "b")]


def test_an_old_version_still_gets_its_default(expanded: Release) -> None:
    expanded.run("INSERT INTO t (other) VALUES (1)", "INSERT INTO t (st) VALUES ('x')")
    assert _pairs(expanded) == [("pending", "pending"), ("x", "x")]


def test_merge_and_copy_mean_the_same(expanded: Release) -> None:
    expanded.run(
        "MERGE INTO t USING (VALUES (7)) AS v(id) ON t.id = v.id"
        " WHEN NOT MATCHED THEN INSERT (id, st2) VALUES (v.id, 'merged')"
    )
    with psycopg.connect(expanded.url) as link, link.cursor().copy("COPY t (st2) FROM STDIN") as copy:
        copy.write_row(("copied",))
    assert set(_pairs(expanded)) == {("merged", "merged"), ("copied", "copied")}


def test_a_dual_writer_keeps_both(expanded: Release) -> None:
    expanded.run("INSERT INTO t (st, st2) VALUES ('old', 'new')")
    assert _pairs(expanded) == [("old", "new")]


def test_a_volatile_default_always_counts_as_not_given(release: Release) -> None:
    release.run("ALTER TABLE t ADD COLUMN token uuid DEFAULT gen_random_uuid()")
    release.submit("rename_column: {table: t, column: token, to: fresh}")
    release.to(State.EXPANDED)
    release.run("INSERT INTO t (fresh) VALUES ('00000000-0000-0000-0000-000000000001')", "INSERT INTO t DEFAULT VALUES")
    assert release.rows("SELECT count(*) FROM t WHERE token = fresh") == [(2,)]
