"""A constraint is validated when the catalog says so, or when NOT NULL took its place."""

from __future__ import annotations

import pytest

from orchestrator.core.ports import Seen
from orchestrator.core.step import ValidateConstraint
from tests.steps.scene import ORDERS, Case, Scene, expect

PROOF = ValidateConstraint(ORDERS, "k", not_null="amount")
CHECK = ValidateConstraint(ORDERS, "k")


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.ABSENT, ""),
        ("ALTER TABLE orders ADD CONSTRAINT k CHECK (amount IS NOT NULL) NOT VALID", Seen.ABSENT, ""),
        ("ALTER TABLE orders ADD CONSTRAINT k CHECK (amount IS NOT NULL)", Seen.DONE, ""),
        ("ALTER TABLE orders ALTER amount SET NOT NULL", Seen.DONE, ""),
        ("ALTER TABLE orders ADD CONSTRAINT k UNIQUE (amount)", Seen.FOREIGN, "expected one that can be validated"),
    ],
)
def test_a_proof_of_not_null(scene: Scene, case: Case) -> None:
    expect(scene, PROOF, case)


@pytest.mark.parametrize(
    "case",
    [
        ("ALTER TABLE orders ADD CONSTRAINT k CHECK (amount < 5) NOT VALID", Seen.ABSENT, ""),
        ("ALTER TABLE orders ADD CONSTRAINT k CHECK (amount < 5)", Seen.DONE, ""),
        ("", Seen.FOREIGN, "has no constraint k"),
    ],
)
def test_any_other(scene: Scene, case: Case) -> None:
    expect(scene, CHECK, case)


def test_a_marker_does_not_stand_in_for_the_constraint(scene: Scene) -> None:
    scene.mark()
    assert scene.sees(CHECK).seen is Seen.FOREIGN
    assert scene.sees(PROOF).seen is Seen.ABSENT
