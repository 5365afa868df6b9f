"""The read switch is on when it is wholly on."""

from __future__ import annotations

import pytest

from orchestrator.core.ports import Seen
from orchestrator.core.step import SwitchReads
from tests.steps.scene import Case, Scene, expect

INSERT = "INSERT INTO orch_target.read_switch (change_id, percent) VALUES "


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.ABSENT, ""),
        (INSERT + "('c', 0), ('d', 100)", Seen.ABSENT, ""),
        (INSERT + "('c', 100)", Seen.DONE, ""),
        (INSERT + "('c', 40)", Seen.PARTIAL, "reads of c are switched for 40 %"),
    ],
)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    expect(scene, SwitchReads("c"), case)


def test_the_function_that_applications_ask_says_the_same(scene: Scene) -> None:
    for percent, seen in ((40, Seen.PARTIAL), (100, Seen.DONE), (0, Seen.ABSENT)):
        scene.run(f"{INSERT} ('c', {percent}) ON CONFLICT (change_id) DO UPDATE SET percent = excluded.percent")
        answer = scene.link.execute("SELECT orch_target.reads_new('c')").fetchone()
        assert (scene.sees(SwitchReads("c")).seen, answer) == (seen, (seen is Seen.DONE,))
