"""A table is parked when one stands under the parked name, whoever has taken its own name since."""

from __future__ import annotations

import pytest

from orchestrator.core.parkstep import ParkTable
from orchestrator.core.ports import Seen
from tests.steps.scene import ORDERS, Case, Scene, expect

STEP = ParkTable(ORDERS, '_orch "parked"')
RENAMED = 'ALTER TABLE orders RENAME TO "_orch ""parked"""'


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.ABSENT, ""),
        (RENAMED, Seen.DONE, ""),
        (RENAMED + ";\nCREATE TABLE orders ()", Seen.DONE, ""),
        ("DROP TABLE orders", Seen.FOREIGN, "table public.orders is gone"),
        (
            "DROP TABLE orders;\nCREATE VIEW orders AS SELECT 1 AS id",
            Seen.FOREIGN,
            "public.orders is no table",
        ),
        ('CREATE VIEW "_orch ""parked""" AS SELECT 1 AS id', Seen.FOREIGN, "is no table"),
    ],
)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    expect(scene, STEP, case)


def test_a_table_that_was_parked_and_is_no_more_was_purged(scene: Scene) -> None:
    scene.run("DROP TABLE orders")
    scene.mark()
    assert scene.sees(STEP).seen is Seen.DONE


def test_a_table_that_is_gone_leaves_nothing_to_undo(scene: Scene) -> None:
    scene.run("DROP TABLE orders")
    assert scene.sees(STEP).gone


def test_there_and_back(scene: Scene) -> None:
    scene.send(STEP)
    assert scene.sees(STEP).seen is Seen.DONE
    scene.send(STEP, undo=True)
    assert scene.sees(STEP).seen is Seen.ABSENT
    assert scene.link.execute("SELECT count(*) FROM public.orders").fetchone() == (2,)
