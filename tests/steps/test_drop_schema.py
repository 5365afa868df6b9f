"""A version's schema has ended when there is none of its name."""

from __future__ import annotations

import psycopg
import pytest

from orchestrator.core.ports import Seen
from orchestrator.core.viewstep import CreateSchema, DropSchema
from tests.steps.scene import Case, Scene, expect

STEP = DropSchema('shop "2"', "c")
MADE = 'CREATE SCHEMA "shop ""2"""'
OURS = 'COMMENT ON SCHEMA "shop ""2""" IS \'orch: views of change c\''


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.DONE, ""),
        (f"{MADE};\n{OURS}", Seen.ABSENT, ""),
        (MADE, Seen.FOREIGN, "has the comment none"),
    ],
)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    expect(scene, STEP, case)


def test_it_is_dropped_once_it_is_empty(scene: Scene) -> None:
    scene.send(CreateSchema(STEP.schema, STEP.change_id))
    scene.send(STEP)
    assert scene.sees(STEP).seen is Seen.DONE
    scene.send(CreateSchema(STEP.schema, STEP.change_id))
    scene.run('CREATE TABLE "shop ""2""".mine ()')
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        scene.send(STEP)
