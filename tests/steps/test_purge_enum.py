"""A dropped enum is gone, or was left to whoever uses it."""

from __future__ import annotations

import pytest

from orchestrator.core.catalog import TypeName
from orchestrator.core.enumstep import PurgeEnum
from orchestrator.core.ports import Seen
from tests.steps.scene import Case, Scene, expect

STEP = PurgeEnum(TypeName("public", 'Mood "x"'), ("it's", "b"))
MADE = 'CREATE TYPE "Mood ""x""" AS ENUM ({})'
WHOLE = MADE.format("'it''s', 'b'")


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.DONE, ""),
        (WHOLE, Seen.ABSENT, ""),
        (MADE.format("'it''s', 'b', 'added'"), Seen.ABSENT, ""),
        (MADE.format("'another', 'b'"), Seen.FOREIGN, "is (another, b), expected (it's, b)"),
        ('CREATE DOMAIN "Mood ""x""" AS text', Seen.FOREIGN, "is no enum"),
    ],
)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    expect(scene, STEP, case)


@pytest.mark.parametrize("used", ['ALTER TABLE orders ADD m "Mood ""x"""', 'ALTER TABLE orders ADD m "Mood ""x"""[]'])
def test_it_goes_unless_something_uses_it(scene: Scene, used: str) -> None:
    scene.run(WHOLE)
    scene.send(STEP)
    assert scene.sees(STEP).seen is Seen.DONE
    scene.run(WHOLE, used)
    scene.send(STEP)
    assert scene.sees(STEP).seen is Seen.ABSENT
    scene.mark()
    assert scene.sees(STEP).seen is Seen.DONE
