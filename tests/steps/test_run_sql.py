"""A statement of the change's own is done when its query says so, whatever the marker says."""

from __future__ import annotations

import psycopg
import pytest

from orchestrator.core.ports import Seen
from orchestrator.core.step import RunSql
from tests.steps.scene import Case, Scene, expect

STEP = RunSql(
    "CREATE SEQUENCE public.ours -- one",
    "DROP SEQUENCE public.ours;",
    "SELECT count(*) = 1 FROM pg_sequences WHERE sequencename = 'ours' AND 100 % 3 = 1",
    "",
)


@pytest.mark.parametrize(
    ("done_when", "case"),
    [
        (STEP.done_when, ("", Seen.ABSENT, "")),
        (STEP.done_when, ("CREATE SEQUENCE ours", Seen.DONE, "")),
        ("SELECT true FROM nosuch", ("", Seen.ABSENT, "")),
        ("SELECT nosuch()", ("", Seen.ABSENT, "")),
        ("SELECT CAST(NULL AS nosuch) IS NULL", ("", Seen.ABSENT, "")),
        ("SELECT count(*) > 1 FROM orders", ("", Seen.DONE, "")),
        ("SELECT NULL::boolean", ("", Seen.ABSENT, "")),
        ("SELECT true WHERE false", ("", Seen.FOREIGN, "done_when answers []")),
        ("SELECT 'yes'", ("", Seen.FOREIGN, "done_when answers 'yes', expected true or false")),
        ("SELECT true, true", ("", Seen.FOREIGN, "done_when answers [(True, True)]")),
    ],
)
def test_what_is_seen(scene: Scene, done_when: str, case: Case) -> None:
    expect(scene, RunSql(STEP.sql, STEP.undo, done_when, ""), case)


def test_a_statement_that_ran_and_is_not_done_is_never_run_again(scene: Scene) -> None:
    scene.mark()
    found = scene.sees(STEP)
    assert found.seen is Seen.FOREIGN
    assert "took effect once, and done_when is not true" in found.detail


def test_asking_changes_nothing(scene: Scene) -> None:
    scene.run("CREATE SEQUENCE counted")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        scene.sees(RunSql("SELECT 1", None, "SELECT nextval('public.counted') > 0", ""))


def test_there_and_back(scene: Scene) -> None:
    scene.send(STEP)
    assert scene.sees(STEP).seen is Seen.DONE
    scene.send(STEP, undo=True)
    assert scene.sees(STEP).seen is Seen.ABSENT
