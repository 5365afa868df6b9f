"""A column is renamed when the table has the new name and no longer the old one."""

from __future__ import annotations

import pytest

from orchestrator.core.ports import Seen
from orchestrator.core.viewstep import RenameColumn
from tests.steps.scene import ORDERS, Case, Scene, expect

STEP = RenameColumn(ORDERS, "email", 'the "address"')


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.ABSENT, ""),
        ('ALTER TABLE orders RENAME email TO "the ""address"""', Seen.DONE, ""),
        ('ALTER TABLE orders ADD "the ""address""" text', Seen.FOREIGN, "has both"),
        ("ALTER TABLE orders DROP email", Seen.FOREIGN, "has neither"),
        ("DROP TABLE orders", Seen.FOREIGN, "is gone"),
    ],
)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    expect(scene, STEP, case)


def test_there_and_back(scene: Scene) -> None:
    scene.send(STEP)
    assert scene.sees(STEP).seen is Seen.DONE
    scene.send(STEP, undo=True)
    assert scene.sees(STEP).seen is Seen.ABSENT
