"""An enum's value is there when the type has it, on the side of the other one that was asked for."""

from __future__ import annotations

import pytest

from orchestrator.core.catalog import TypeName
from orchestrator.core.enumstep import AddEnumValue
from orchestrator.core.ports import Seen
from tests.steps.scene import Case, Scene, expect

MOOD = TypeName("public", 'Mood "x"')
MADE = 'CREATE TYPE "Mood ""x""" AS ENUM ({})'


@pytest.mark.parametrize(
    ("place", "case"),
    [
        ({}, (MADE.format("'a', 'b'"), Seen.ABSENT, "")),
        ({}, (MADE.format("'it''s', 'a', 'b'"), Seen.DONE, "")),
        ({"before": "b"}, (MADE.format("'a', 'b'"), Seen.ABSENT, "")),
        ({"before": "b"}, (MADE.format("'a', 'it''s', 'b'"), Seen.DONE, "")),
        ({"before": "b"}, (MADE.format("'it''s', 'a', 'b'"), Seen.DONE, "")),
        ({"before": "b"}, (MADE.format("'a', 'b', 'it''s'"), Seen.FOREIGN, "is (a, b, it's), expected it's before b")),
        ({"after": "a"}, (MADE.format("'a', 'it''s', 'b'"), Seen.DONE, "")),
        ({"after": "a"}, (MADE.format("'it''s', 'a', 'b'"), Seen.FOREIGN, "expected it's after a")),
        ({}, ("", Seen.FOREIGN, "is gone")),
        ({}, ('CREATE DOMAIN "Mood ""x""" AS text', Seen.FOREIGN, "is no enum")),
    ],
)
def test_what_is_seen(scene: Scene, place: dict[str, str], case: Case) -> None:
    expect(scene, AddEnumValue(MOOD, "it's", place.get("before"), place.get("after")), case)


@pytest.mark.parametrize(
    ("place", "values"),
    [({}, ["a", "b", "it's"]), ({"before": "a"}, ["it's", "a", "b"]), ({"after": "a"}, ["a", "it's", "b"])],
)
def test_it_stands_where_it_was_asked_for_and_stays(scene: Scene, place: dict[str, str], values: list[str]) -> None:
    scene.run(MADE.format("'a', 'b'"))
    step = AddEnumValue(MOOD, "it's", place.get("before"), place.get("after"))
    for _ in range(2):  # what was sent may have taken effect unheard
        scene.send(step)
    scene.send(step, undo=True)
    query = (
        "SELECT enumlabel FROM pg_enum e JOIN pg_type t ON t.oid = enumtypid WHERE typname = %s ORDER BY enumsortorder"
    )
    assert [row[0] for row in scene.link.execute(query, [MOOD.name])] == values
    assert scene.sees(step).seen is Seen.DONE
