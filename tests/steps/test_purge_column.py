"""A column is purged when neither it nor its sync is there."""

from __future__ import annotations

import pytest

from orchestrator.core.parkstep import PurgeColumn
from orchestrator.core.ports import Seen
from orchestrator.core.step import InstallSync
from orchestrator.core.sync import Conversion, Fill
from tests.steps.scene import ORDERS, Case, Scene, expect

SYNC = Fill("s1", "c", ORDERS, "email", "text", (), "~t", Conversion("f_s1", "'x'", (), "text"))
STEP = PurgeColumn(ORDERS, "email", SYNC)
DROPPED = "ALTER TABLE orders DROP email CASCADE"


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.ABSENT, ""),
        (DROPPED, Seen.DONE, ""),
        (DROPPED + ";\nALTER TABLE orders ADD email int", Seen.FOREIGN, "email is integer, expected text"),
        ("DROP TABLE orders", Seen.FOREIGN, "is gone"),
    ],
)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    expect(scene, STEP, case)


def test_a_column_dropped_by_hand_leaves_a_part_which_sending_the_step_completes(scene: Scene) -> None:
    scene.send(InstallSync(SYNC))
    expect(scene, STEP, (DROPPED, Seen.PARTIAL, "its sync still stands"))
    scene.send(STEP)
    assert scene.sees(STEP).seen is Seen.DONE


def test_of_several_columns_one_dropped_by_hand_is_a_part(scene: Scene) -> None:
    step = PurgeColumn(ORDERS, "email", also=("note",))
    expect(scene, step, ("", Seen.ABSENT, ""))
    expect(scene, step, ("ALTER TABLE orders DROP note", Seen.PARTIAL, "has only email left"))
    scene.send(step)
    assert scene.sees(step).seen is Seen.DONE
