"""The schema of a version's views is known by its comment: another one of that name is nobody's to drop."""

from __future__ import annotations

import pytest

from orchestrator.core.ports import Seen
from orchestrator.core.viewstep import CreateSchema
from tests.steps.scene import Case, Scene, expect

STEP = CreateSchema('shop "2"', "c", ("", "pg_monitor"))
MADE = 'CREATE SCHEMA "shop ""2"""'
OURS = 'COMMENT ON SCHEMA "shop ""2""" IS \'orch: views of change c\''


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.ABSENT, ""),
        (f"{MADE};\n{OURS}", Seen.DONE, ""),
        (MADE, Seen.FOREIGN, "has the comment none"),
        (f"{MADE};\n{OURS[:-1]}d'", Seen.FOREIGN, "orch: views of change cd, expected orch: views of change c"),
    ],
)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    expect(scene, STEP, case)


def test_there_and_back(scene: Scene) -> None:
    scene.send(STEP)
    assert scene.sees(STEP).seen is Seen.DONE
    may = "SELECT has_schema_privilege('pg_monitor', %s, 'USAGE'), has_schema_privilege('pg_monitor', %s, 'CREATE')"
    assert scene.link.execute(may, [STEP.schema, STEP.schema]).fetchone() == (True, False)
    scene.send(STEP, undo=True)
    assert scene.sees(STEP).seen is Seen.ABSENT
