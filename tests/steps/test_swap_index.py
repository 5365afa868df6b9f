"""Which of two indexes bears the name is seen by the names that are there."""

from __future__ import annotations

import pytest

from orchestrator.core.ports import Seen
from orchestrator.core.step import SwapIndex
from tests.steps.scene import ORDERS, Case, Scene, expect

STEP = SwapIndex(ORDERS, "by_note", "by_note_new", "by_note_parked")
OLD, NEW = "CREATE INDEX by_note ON orders (note)", "CREATE INDEX by_note_new ON orders (note, amount)"
PARKED = "CREATE INDEX by_note_parked ON orders (note)"


@pytest.mark.parametrize(
    "case",
    [
        (f"{OLD};\n{NEW}", Seen.ABSENT, ""),
        (f"{OLD};\n{PARKED}", Seen.DONE, ""),
        (OLD, Seen.FOREIGN, "has no index by_note_new"),
        (NEW, Seen.FOREIGN, "there are by_note_new"),
        (f"{OLD};\n{NEW};\n{PARKED}", Seen.FOREIGN, "there are"),
        ("", Seen.FOREIGN, "has neither index by_note nor by_note_new"),
        (f"{OLD};\nCREATE TABLE t (x int);\nCREATE INDEX by_note_new ON t (x)", Seen.FOREIGN, "has no index by_note_new"),
    ],
)  # fmt: skip
def test_what_is_seen(scene: Scene, case: Case) -> None:
    expect(scene, STEP, case)


def test_once_the_parked_one_is_dropped_the_marker_decides(scene: Scene) -> None:
    scene.run(OLD)
    scene.mark()
    assert scene.sees(STEP).seen is Seen.DONE


def test_there_and_back(scene: Scene) -> None:
    scene.run(OLD, NEW)
    scene.send(STEP)
    assert scene.sees(STEP).seen is Seen.DONE
    row = scene.link.execute("SELECT pg_get_indexdef('public.by_note'::regclass)").fetchone()
    assert row is not None
    assert "amount" in row[0]
    scene.send(STEP, undo=True)
    assert scene.sees(STEP).seen is Seen.ABSENT
