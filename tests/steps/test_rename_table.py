"""A table is renamed when it bears the new name, whoever has taken the old one since."""

from __future__ import annotations

import pytest

from orchestrator.core.ports import Seen
from orchestrator.core.viewstep import RenameTable
from tests.steps.scene import Case, Scene, expect
from tests.steps.test_create_view import ALL, HEAD, INVOKER, VIEW

STEP = RenameTable(VIEW)
MADE = HEAD + INVOKER + ALL
RENAMED = 'ALTER TABLE orders RENAME TO "Second ""x"""'


@pytest.mark.parametrize(
    "case",
    [
        (MADE, Seen.ABSENT, ""),
        (RENAMED, Seen.DONE, ""),
        (RENAMED + ";\nCREATE TABLE orders ()", Seen.DONE, ""),
        ("", Seen.PARTIAL, "has still its old name"),
        (HEAD + " AS SELECT 1 AS id", Seen.FOREIGN, "is another relation"),
        ("DROP TABLE orders", Seen.FOREIGN, "is gone"),
    ],
)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    expect(scene, STEP, case)


@pytest.mark.parametrize("made", [MADE, ""])
def test_there_and_back(scene: Scene, made: str) -> None:
    if made:
        scene.run(made)
    scene.send(STEP)
    assert scene.sees(STEP).seen is Seen.DONE
    scene.send(STEP, undo=True)
    assert scene.sees(STEP).seen is Seen.ABSENT
