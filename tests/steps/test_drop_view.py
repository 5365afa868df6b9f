"""A version's view has ended when nothing bears its name."""

from __future__ import annotations

import pytest

from orchestrator.core.catalog import TableName
from orchestrator.core.ports import Seen
from orchestrator.core.viewstep import DropView
from tests.steps.scene import ORDERS, Case, Scene, expect

STEP = DropView(TableName("public", 'Second "x"'), ORDERS)


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.DONE, ""),
        ('CREATE VIEW "Second ""x""" AS SELECT id FROM orders', Seen.ABSENT, ""),
        ('CREATE TABLE "Second ""x""" ()', Seen.FOREIGN, "is no view"),
    ],
)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    expect(scene, STEP, case)


def test_it_is_dropped(scene: Scene) -> None:
    scene.run('CREATE VIEW "Second ""x""" AS SELECT id FROM orders')
    scene.send(STEP)
    assert scene.sees(STEP).seen is Seen.DONE
    scene.send(STEP)
