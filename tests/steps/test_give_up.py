"""Only its own marker tells whether the way back was given up."""

from __future__ import annotations

from orchestrator.core.ports import Seen
from orchestrator.core.step import GiveUp
from tests.steps.scene import ORDERS, Scene


def test_the_marker_decides(scene: Scene) -> None:
    step = GiveUp(ORDERS, "index by_email")
    scene.mark("another")
    assert scene.sees(step).seen is Seen.ABSENT
    scene.mark()
    assert scene.sees(step).seen is Seen.DONE
