"""A table is purged when nothing stands under the parked name."""

from __future__ import annotations

import pytest

from orchestrator.core.parkstep import ParkTable, PurgeTable
from orchestrator.core.ports import Seen
from tests.steps.scene import ORDERS, Case, Scene, expect

STEP = PurgeTable(ORDERS, "_orch_parked")


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.DONE, ""),
        ("ALTER TABLE orders RENAME TO _orch_parked", Seen.ABSENT, ""),
        ("CREATE VIEW _orch_parked AS SELECT 1 AS id", Seen.FOREIGN, "is no table"),
    ],
)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    expect(scene, STEP, case)


def test_only_what_is_parked_is_dropped(scene: Scene) -> None:
    scene.send(ParkTable(ORDERS, "_orch_parked"))
    scene.run("CREATE TABLE orders (id int)")
    for _ in range(2):
        scene.send(STEP)
    assert scene.sees(STEP).seen is Seen.DONE
    assert scene.link.execute("SELECT count(*) FROM public.orders").fetchone() == (0,)
