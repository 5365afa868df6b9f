"""An enum type is there when it has the values in their order; what was added since does not matter."""

from __future__ import annotations

import pytest

from orchestrator.core.catalog import TypeName
from orchestrator.core.enumstep import CreateEnum
from orchestrator.core.ports import Seen
from tests.steps.scene import Case, Scene, expect

STEP = CreateEnum(TypeName("public", 'Mood "x"'), ("it's", "b\\", "%s {}"))
MADE = 'CREATE TYPE "Mood ""x""" AS ENUM ({})'


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.ABSENT, ""),
        (MADE.format("'it''s', 'b\\', '%s {}'"), Seen.DONE, ""),
        (MADE.format("'it''s', 'more', 'b\\', '%s {}'"), Seen.DONE, ""),
        (MADE.format("'it''s', '%s {}', 'b\\'"), Seen.FOREIGN, "expected (it's, b\\, %s {})"),
        (MADE.format("'it''s', 'b\\'"), Seen.FOREIGN, "is (it's, b\\)"),
        ('CREATE DOMAIN "Mood ""x""" AS text', Seen.FOREIGN, "is no enum"),
        ("CREATE SCHEMA other;\n" + MADE.format("'a'").replace("TYPE ", "TYPE other."), Seen.ABSENT, ""),
    ],
)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    expect(scene, STEP, case)


def test_there_and_back(scene: Scene) -> None:
    scene.send(STEP)
    query = (
        "SELECT enumlabel FROM pg_enum e JOIN pg_type t ON t.oid = enumtypid WHERE typname = %s ORDER BY enumsortorder"
    )
    assert [row[0] for row in scene.link.execute(query, [STEP.type.name])] == list(STEP.values)
    assert scene.sees(STEP).seen is Seen.DONE
    scene.send(STEP, undo=True)
    scene.send(STEP, undo=True)
    assert scene.sees(STEP).seen is Seen.ABSENT
