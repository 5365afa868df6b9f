"""NOT NULL is relaxed when neither it nor the proof of a broken undo forbids NULL."""

from __future__ import annotations

import pytest

from orchestrator.core.ports import Seen
from orchestrator.core.step import RelaxNotNull
from orchestrator.dialects.postgres import kinds
from tests.steps.scene import ORDERS, Case, Scene, expect

STEP = RelaxNotNull(ORDERS, "email", "k")
RELAXED = "ALTER TABLE orders ALTER email DROP NOT NULL"


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.ABSENT, ""),
        (RELAXED, Seen.DONE, ""),
        (
            RELAXED + ";\nALTER TABLE orders ADD CONSTRAINT k CHECK (email IS NOT NULL) NOT VALID",
            Seen.PARTIAL,
            "still forbids",
        ),
        (RELAXED + ";\nALTER TABLE orders ADD CONSTRAINT k CHECK (email <> '')", Seen.FOREIGN, "constraint k of"),
        ("ALTER TABLE orders DROP email", Seen.FOREIGN, "has no column email"),
    ],
)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    expect(scene, STEP, case)


def test_the_repair_completes_it(scene: Scene) -> None:
    scene.run(RELAXED, "ALTER TABLE orders ADD CONSTRAINT k CHECK (email IS NOT NULL) NOT VALID")
    for message in kinds.render(STEP).repair:
        for statement in message:
            scene.link.execute(statement)
    assert scene.sees(STEP).seen is Seen.DONE
