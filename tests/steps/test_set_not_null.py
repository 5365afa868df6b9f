"""NOT NULL is set when the column has it and its proof is gone."""

from __future__ import annotations

import pytest

from orchestrator.core.ports import Seen
from orchestrator.core.step import SetNotNull
from tests.steps.scene import ORDERS, Case, Scene, expect

STEP = SetNotNull(ORDERS, "amount", "k")
PROOF = "ALTER TABLE orders ADD CONSTRAINT k CHECK (amount IS NOT NULL)"


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.ABSENT, ""),
        (PROOF, Seen.ABSENT, ""),
        ("ALTER TABLE orders ALTER amount SET NOT NULL", Seen.DONE, ""),
        (PROOF + ";\nALTER TABLE orders ALTER amount SET NOT NULL", Seen.PARTIAL, "its proof k still stands"),
        (
            "ALTER TABLE orders ADD CONSTRAINT k CHECK (amount < 5)",
            Seen.FOREIGN,
            "constraint k of public.orders is CHECK",
        ),
        (
            "ALTER TABLE orders ADD CONSTRAINT k CHECK (amount < 5);\nALTER TABLE orders ALTER amount SET NOT NULL",
            Seen.FOREIGN,
            'expected CHECK ("amount" IS NOT NULL)',
        ),
        ("ALTER TABLE orders DROP amount", Seen.FOREIGN, "has no column amount"),
    ],
)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    expect(scene, STEP, case)


def test_sending_it_again_completes_it(scene: Scene) -> None:
    scene.run(PROOF, "ALTER TABLE orders ALTER amount SET NOT NULL")
    scene.send(STEP)
    assert scene.sees(STEP).seen is Seen.DONE


def test_a_not_null_that_is_not_valid_is_none(scene: Scene) -> None:
    if scene.link.info.server_version < 180000:
        with pytest.raises(Exception, match="syntax error"):
            scene.run("ALTER TABLE orders ADD CONSTRAINT nn NOT NULL amount NOT VALID")
        return
    scene.run("ALTER TABLE orders ADD CONSTRAINT nn NOT NULL amount NOT VALID")
    assert scene.sees(STEP).seen is Seen.ABSENT
